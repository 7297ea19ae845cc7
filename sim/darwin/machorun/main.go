//go:build linux && amd64

// Command machorun builds the loader for darwin/amd64 programs in a directory, and prints its path.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"usher.internal/sim/darwin"
)

func main() {
	directory := flag.String("o", "", "directory to build in; empty is one in the user's cache")
	flag.Parse()
	if err := build(context.Background(), *directory); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func build(ctx context.Context, directory string) error {
	if directory == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		directory = filepath.Join(cache, "usher", "darwin")
	}
	loader, err := darwin.Build(ctx, directory)
	if err != nil {
		return err
	}
	fmt.Println(loader.Path)
	return nil
}
