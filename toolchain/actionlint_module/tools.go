//go:build tools

// Package actionlint pins the checker of workflows that the toolchain builds.
package actionlint

import _ "github.com/rhysd/actionlint/cmd/actionlint"
