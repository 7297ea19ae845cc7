// Command hello prints what a darwin program sees of itself. With the argument "child" it starts itself first; "ioctl",
// "sysctl" and "symbol" ask for something that the loader does not know.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("an argument is missing")
	}
	switch arguments[1] {
	case "child":
		executable, err := os.Executable()
		if err != nil {
			return err
		}
		child := exec.Command(executable, "hello", "from a child", "")
		child.Args[0] = "another-name"
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		return child.Run()
	case "ioctl":
		_, err := unix.IoctlGetInt(0, 0x40041234)
		return err
	case "sysctl":
		_, err := unix.Sysctl("kern.usher")
		return err
	case "symbol":
		return unix.Settimeofday(&unix.Timeval{})
	}
	executable, err := os.Executable()
	fmt.Printf("%s/%s %q %s %v\n", runtime.GOOS, runtime.GOARCH, arguments, executable, err)
	return err
}
