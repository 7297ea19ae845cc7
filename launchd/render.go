package launchd

import (
	"bytes"
	"embed"
	"encoding/xml"
	"fmt"
	"io/fs"
	"path/filepath"
	"text/template"

	"usher.internal/internal/command"
	"usher.internal/internal/layout"
)

//go:embed templates/*.tmpl
var templates embed.FS

// values are the names for the templates.
type values struct {
	layout.Layout
	HelperLabel, AgentLabel, BundleIdentifier, SystemPath string
}

// File is a file of the layout with its content. It belongs to root.
type File struct {
	Path    string
	Mode    fs.FileMode
	Content []byte
}

// Files returns the files of the layout besides the programs, the definitions first.
func Files(l layout.Layout) ([]File, error) {
	var files []File
	for _, one := range []struct{ path, template string }{
		{l.HelperDefinition, filepath.Base(l.HelperDefinition)},
		{l.AgentDefinition, filepath.Base(l.AgentDefinition)},
		{l.Rotation, "newsyslog.conf"},
	} {
		if one.path == "" {
			continue
		}
		content, err := render(l, one.template)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: one.path, Mode: 0o644, Content: content})
	}
	return files, nil
}

// render fills in a template. The library that writes the helper's definition has its own template language since
// version 1.3.0. It gets the rendered text, with nothing left to fill in.
func render(l layout.Layout, name string) ([]byte, error) {
	text, err := templates.ReadFile("templates/" + name + ".tmpl")
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	parsed, err := template.New(name).Funcs(template.FuncMap{"xml": escapeXML}).Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	var rendered bytes.Buffer
	if err := parsed.Execute(&rendered,
		values{l, layout.HelperLabel, layout.AgentLabel, layout.BundleIdentifier, command.SystemPath}); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return rendered.Bytes(), nil
}

func escapeXML(text string) (string, error) {
	var escaped bytes.Buffer
	err := xml.EscapeText(&escaped, []byte(text))
	return escaped.String(), err
}
