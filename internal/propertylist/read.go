package propertylist

import (
	"context"
	"fmt"
	"time"

	"usher.internal/internal/foreign"
)

// readWithin is how long a file may take that is read.
const readWithin = 5 * time.Second

// Read reads the property list in a file, XML or binary, by the rules of the package foreign. The error wraps
// [ErrNotRecognised] for a file that holds no such list.
func Read(path string) (map[string]any, error) {
	content, err := foreign.Read(path, MaximumSize)
	return parsed(path, content, err)
}

// ReadWithin is [Read] for a file that may be where nothing answers. It returns within 5 s, or when ctx ends, and
// leaves at most one read of the file behind, as [foreign.ReadWithin] does.
func ReadWithin(ctx context.Context, path string) (map[string]any, error) {
	content, err := ContentWithin(ctx, path)
	return parsed(path, content, err)
}

// ContentWithin returns the content of a file that may hold a property list, in the time of [ReadWithin].
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
