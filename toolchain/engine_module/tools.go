//go:build tools

// Package engine pins the Pulumi engine that the toolchain builds.
package engine

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
