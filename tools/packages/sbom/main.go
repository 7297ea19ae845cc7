// Program sbom prints the parts of programs built by Go, as CycloneDX 1.6 in JSON: each program, its modules and Go's
// standard library. It reads what the Go tool wrote into the programs. So it lists what was linked, not what go.mod
// allows. The same programs, version and date give the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	version := flag.String("version", "", "the version of the product")
	epoch := flag.Int64("epoch", 0, "the time of that version, in seconds since 1970")
	flag.Parse()
	if err := run(*version, time.Unix(*epoch, 0).UTC(), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(version string, date time.Time, files []string) error {
	var programs []program
	for _, file := range files {
		read, err := readProgram(file)
		if err != nil {
			return err
		}
		programs = append(programs, read)
	}
	bom, err := describe(version, date, programs)
	if err != nil {
		return err
	}
	encoder := cyclonedx.NewBOMEncoder(os.Stdout, cyclonedx.BOMFileFormatJSON).SetPretty(true)
	if err := encoder.EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return fmt.Errorf("write the SBOM: %w", err)
	}
	return nil
}
