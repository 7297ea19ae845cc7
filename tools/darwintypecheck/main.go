// Command darwintypecheck type-checks the macOS build of Go packages, the files that need cgo included, on any system
// and without a C compiler.
//
//	darwintypecheck -dir MODULE -arch arm64 ./...
//
// `GOOS=darwin CGO_ENABLED=1 go vet` needs a C toolchain for macOS, since it runs cgo. This asks the go command for the
// files of that build, which needs no toolchain. It type-checks them with go/types, whose FakeImportC accepts
// everything behind `C.`. So it finds a Go name that is wrong or missing in a cgo file; it does not find a wrong name,
// or wrong types, of C's.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	dir := flag.String("dir", ".", "directory of the module")
	arch := flag.String("arch", "arm64", "GOARCH: arm64 or amd64")
	tags := flag.String("tags", "", "build tags, separated by commas")
	flag.Parse()
	checked, problems, err := check(*dir, *arch, *tags, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "darwintypecheck:", err)
		os.Exit(2)
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
	if checked == 0 {
		fmt.Fprintln(os.Stderr, "darwintypecheck: no packages match", flag.Args())
		os.Exit(2)
	}
}
