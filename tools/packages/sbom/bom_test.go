package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// TestDescribe describes the program that runs this test: references are unique and have a target, and the output is
// read back unchanged.
func TestDescribe(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err := readProgram(executable)
	if err != nil {
		t.Fatal(err)
	}
	other := self
	other.name = "other"
	date := time.Unix(1790000000, 0).UTC()
	bom, err := describe("1.2.3", date, []program{self, other})
	if err != nil {
		t.Fatal(err)
	}

	known := map[string]bool{bom.Metadata.Component.BOMRef: true}
	names := map[string]bool{}
	for _, component := range *bom.Components {
		if known[component.BOMRef] {
			t.Errorf("%s is described twice", component.BOMRef)
		}
		known[component.BOMRef] = true
		names[component.Name] = true
	}
	for _, name := range []string{"std", "github.com/CycloneDX/cyclonedx-go", "github.com/google/uuid", "other"} {
		if !names[name] {
			t.Errorf("%s is not described", name)
		}
	}
	for _, dependency := range *bom.Dependencies {
		for _, reference := range append(*dependency.Dependencies, dependency.Ref) {
			if !known[reference] {
				t.Errorf("%s depends on %s, which is not described", dependency.Ref, reference)
			}
		}
	}

	var first, again bytes.Buffer
	encode(t, &first, bom)
	var read cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(first.Bytes()), cyclonedx.BOMFileFormatJSON).Decode(&read); err !=
		nil {
		t.Fatal(err)
	}
	encode(t, &again, &read)
	if first.String() != again.String() {
		t.Error("the output is not read back unchanged")
	}

	changed, err := describe("1.2.4", date, []program{self, other})
	if err != nil {
		t.Fatal(err)
	}
	if changed.SerialNumber == bom.SerialNumber {
		t.Error("two versions have one serial number")
	}
	if _, err := describe("1.2.3", date, nil); err == nil {
		t.Error("nothing was described without an error")
	}
	if _, err := readProgram("bom.go"); err == nil {
		t.Error("a source was read as a program without an error")
	}
}

func encode(t *testing.T, to *bytes.Buffer, bom *cyclonedx.BOM) {
	t.Helper()
	if err := cyclonedx.NewBOMEncoder(to, cyclonedx.BOMFileFormatJSON).EncodeVersion(bom,
		cyclonedx.SpecVersion1_6); err != nil {
		t.Fatal(err)
	}
}
