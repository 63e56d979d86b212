//go:build tools

// Package yaml pins the YAML language host that the toolchain builds.
package yaml

import _ "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"
