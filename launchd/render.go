package launchd

import (
	"bytes"
	"embed"
	"encoding/xml"
	"fmt"
	"text/template"

	"usher.internal/internal/command"
)

//go:embed templates/*.tmpl
var templates embed.FS

// values are what the templates can name.
type values struct {
	Layout
	HelperLabel, AgentLabel, BundleIdentifier, SystemPath string
}

// render fills a template in. The library that writes the helper's definition has a template language of its own since
// its version 1.3.0, and is given what this has rendered: nothing is left in it to fill in.
func (l Layout) render(name string) ([]byte, error) {
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
		values{l, HelperLabel, AgentLabel, BundleIdentifier, command.SystemPath}); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return rendered.Bytes(), nil
}

func escapeXML(text string) (string, error) {
	var escaped bytes.Buffer
	err := xml.EscapeText(&escaped, []byte(text))
	return escaped.String(), err
}
