package propertylist

import (
	"context"
	"fmt"
	"time"

	"usher.internal/internal/foreign"
)

// readWithin is how long reading a file may take.
const readWithin = 5 * time.Second

// Read reads the property list in a file, XML or binary, by the rules of the package foreign. The error wraps
// [ErrNotRecognised] for a file without such a list.
func Read(path string) (map[string]any, error) {
	content, err := foreign.Read(path, MaximumSize)
	return parsed(path, content, err)
}

// ReadWithin is [Read] for a file on a file system that may not answer. It returns within 5 s, or when ctx ends, and
// leaves at most one read of the file behind, like [foreign.ReadWithin].
func ReadWithin(ctx context.Context, path string) (map[string]any, error) {
	content, err := ContentWithin(ctx, path)
	return parsed(path, content, err)
}

// ContentWithin returns the content of a file that may be a property list, with the time limit of [ReadWithin].
func ContentWithin(ctx context.Context, path string) ([]byte, error) {
	return foreign.ReadWithin(ctx, path, MaximumSize, readWithin)
}

func parsed(path string, content []byte, err error) (map[string]any, error) {
	if err != nil {
		return nil, err
	}
	values, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return values, nil
}
