// Command python_sdk writes a package's Python SDK into a folder, for our own language host, which is not written in Go.
//
// It does what the official host does of GeneratePackage, with the engine's own generator.
// source: pulumi/pulumi, sdk/python/cmd/pulumi-language-python/main.go.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: python_sdk LOADER FOLDER < SCHEMA")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(target, folder string) (err error) {
	client, err := schema.NewLoaderClient(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	loader := schema.NewCachedLoader(client)
	var spec schema.PackageSpec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		return err
	}
	options := schema.ValidationOptions{AllowDanglingReferences: true}
	bound, problems, err := schema.BindSpec(spec, loader, options)
	if err != nil {
		return err
	}
	if problems.HasErrors() {
		return problems
	}
	files, err := python.GeneratePackage("pulumi-language-python", bound, nil, loader)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
