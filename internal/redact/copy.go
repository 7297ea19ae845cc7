package redact

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// block is how much text is redacted at once, in whole lines; of a longer line each block is redacted by itself.
const block = 256 << 10

// LearnFrom takes the names from all of a text, for what is redacted afterwards. It ends with ctx.
func (r *Redactor) LearnFrom(ctx context.Context, from io.Reader) error {
	return inBlocks(ctx, from, func(text string) error {
		r.LearnText(text)
		return nil
	})
}

// Copy writes a text with pseudonyms. It ends with ctx.
func (r *Redactor) Copy(ctx context.Context, to io.Writer, from io.Reader) error {
	return inBlocks(ctx, from, func(text string) error {
		_, err := io.WriteString(to, r.Text(text))
		return err
	})
}

// inBlocks hands out a text in whole lines, as many as go into a block.
func inBlocks(ctx context.Context, from io.Reader, take func(text string) error) error {
	lines := bufio.NewReaderSize(from, block)
	var held []byte
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("read what is redacted: %w", err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("read what is redacted: %w", context.Cause(ctx))
		}
		if len(held)+len(line) > block || err == io.EOF {
			if err := take(string(held)); err != nil {
				return err
			}
			held = held[:0]
		}
		held = append(held, line...)
		if err == io.EOF {
			return take(string(held))
		}
	}
}

// Count is of how many different things of a kind there are pseudonyms.
type Count struct {
	// Kind is for a person, in the plural.
	Kind string
	Of   int
}

// kinds are all of them, as they are told.
var kinds = []struct {
	kind kind
	name string
}{
	{userKind, "names of users"}, {computerKind, "names of computers"}, {hostKind, "host names"}, {addressKind, "IP addresses"},
	{hardwareKind, "hardware addresses"}, {serialKind, "serial numbers"}, {idKind, "ids"}, {digestKind, "thumbprints"},
}

// Counts tells for what there are pseudonyms, and not which.
func (r *Redactor) Counts() []Count {
	var counts []Count
	for _, one := range kinds {
		if of := len(r.pseudonyms[one.kind]); of > 0 {
			counts = append(counts, Count{one.name, of})
		}
	}
	return counts
}
