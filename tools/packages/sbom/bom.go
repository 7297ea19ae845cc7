package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// program is an executable with the data that the Go tool wrote into it.
type program struct {
	name   string
	digest [sha256.Size]byte
	info   *buildinfo.BuildInfo
}

func readProgram(file string) (program, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return program{}, fmt.Errorf("read program: %w", err)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return program{}, fmt.Errorf("read the parts of %s: %w", file, err)
	}
	return program{filepath.Base(file), sha256.Sum256(content), info}, nil
}

// setting returns a setting of the build, such as GOOS.
func (p program) setting(key string) string {
	for _, setting := range p.info.Settings {
		if setting.Key == key {
			return setting.Value
		}
	}
	return ""
}

// describe returns the SBOM of a product that consists of programs. The same Go built them for the same system.
func describe(version string, date time.Time, programs []program) (*cyclonedx.BOM, error) {
	if len(programs) == 0 {
		return nil, errors.New("describe programs: none was given")
	}
	const product = "usher"
	digests := sha256.New()
	libraries := map[string]cyclonedx.Component{}
	var components []cyclonedx.Component
	dependencies := []cyclonedx.Dependency{{Ref: product, Dependencies: &[]string{}}}
	for _, p := range programs {
		digests.Write(p.digest[:])
		components = append(components, p.component(version))
		*dependencies[0].Dependencies = append(*dependencies[0].Dependencies, p.name)
		made, err := p.libraries()
		if err != nil {
			return nil, err
		}
		maps.Copy(libraries, made)
		references := slices.Sorted(maps.Keys(made))
		dependencies = append(dependencies, cyclonedx.Dependency{Ref: p.name, Dependencies: &references})
	}
	for _, reference := range slices.Sorted(maps.Keys(libraries)) {
		components = append(components, libraries[reference])
	}

	bom := cyclonedx.NewBOM()
	// A serial number belongs to one document, so the content determines it.
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, digests.Sum([]byte(version))).URN()
	bom.Metadata = &cyclonedx.Metadata{
		Timestamp: date.Format(time.RFC3339),
		Component: &cyclonedx.Component{
			BOMRef: product, Type: cyclonedx.ComponentTypeApplication, Name: product, Version: version,
			Licenses: &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
			Properties: &[]cyclonedx.Property{
				{Name: "cdx:gomod:build:env:GOOS", Value: programs[0].setting("GOOS")},
				{Name: "cdx:gomod:build:env:GOARCH", Value: programs[0].setting("GOARCH")},
				{Name: "cdx:gomod:build:env:CGO_ENABLED", Value: programs[0].setting("CGO_ENABLED")},
			},
		},
	}
	bom.Components = &components
	bom.Dependencies = &dependencies
	return bom, nil
}

func (p program) component(version string) cyclonedx.Component {
	return cyclonedx.Component{
		BOMRef: p.name, Type: cyclonedx.ComponentTypeApplication, Name: p.name, Version: version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(p.digest[:])}},
	}
}

// libraries returns the modules of a program, and Go's standard library, by their package URLs.
func (p program) libraries() (map[string]cyclonedx.Component, error) {
	made := map[string]cyclonedx.Component{}
	add := func(path, version string) {
		reference := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
		made[reference] = cyclonedx.Component{
			BOMRef: reference, PackageURL: reference, Type: cyclonedx.ComponentTypeLibrary,
			Name: path, Version: version, Scope: cyclonedx.ScopeRequired,
		}
	}
	add("std", p.info.GoVersion)
	for _, module := range p.info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		if module.Sum == "" {
			return nil, fmt.Errorf("describe %s: module %s has no checksum, so it is not a published version", p.name,
				module.Path)
		}
		add(module.Path, module.Version)
	}
	return made, nil
}
