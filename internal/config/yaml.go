package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// parseYAML walks the document's nodes and does not decode it. Nodes know their lines and keep their original text:
// "1h" remains a text, whatever else it could be.
func parseYAML(path string, content []byte) ([]entry, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("parse configuration %s: %s", path, yamlProblem(err))
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse configuration %s: it has a second document; one is allowed", path)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("parse configuration %s: line %d: keys with values are expected, such as "+
			"`log_level: debug`", path, root.Line)
	}
	return yamlEntries(nil, "", root, 1), nil
}

func yamlEntries(entries []entry, prefix string, mapping *yaml.Node, depth int) []entry {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		found := entry{key: prefix + key.Value, line: key.Line}
		switch {
		case key.Kind != yaml.ScalarNode:
			found.key = prefix + "?"
			found.problem = "is not a key: a name is expected"
		case node.Kind == yaml.MappingNode && depth < maximumDepth && len(node.Content) > 0:
			entries = yamlEntries(entries, found.key+".", node, depth+1)
			continue
		case node.Kind == yaml.MappingNode && len(node.Content) > 0:
			found.problem = "is nested too deeply"
		case node.Kind == yaml.MappingNode, node.Kind == yaml.ScalarNode && node.Tag == "!!null":
			found.empty = true
		case node.Kind == yaml.ScalarNode:
			found.text = node.Value
		case node.Kind == yaml.SequenceNode:
			found.isList = true
			for _, element := range node.Content {
				if element.Kind != yaml.ScalarNode {
					found.problem = "has an entry that is not one value"
				}
				found.list = append(found.list, element.Value)
			}
		default:
			found.problem = "is an alias; write the value out"
		}
		entries = append(entries, found)
	}
	return entries
}
