package redact

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// block is how much text is redacted at once, in whole lines. A longer line is cut at the end of a word, if possible.
const block = 256 << 10

// longestWord is how far back from the end of a block the end of a word is searched for.
const longestWord = 4 << 10

// LearnFrom learns the names in a whole text. Texts that are redacted afterwards have them replaced. It ends with ctx.
func (r *Redactor) LearnFrom(ctx context.Context, from io.Reader) error {
	return inBlocks(ctx, from, func(text string) error {
		r.LearnText(text)
		return nil
	})
}

// Copy writes a text with pseudonyms. A secret of several lines may begin in one block and end in the next. It ends
// with ctx.
func (r *Redactor) Copy(ctx context.Context, to io.Writer, from io.Reader) error {
	var state open
	return inBlocks(ctx, from, func(text string) error {
		text, state = r.after(text, state)
		_, err := io.WriteString(to, text)
		return err
	})
}

// inBlocks hands out a text in blocks of whole lines.
func inBlocks(ctx context.Context, from io.Reader, take func(text string) error) error {
	lines := bufio.NewReaderSize(from, block)
	var held []byte
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("read text to redact: %w", err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("read text to redact: %w", context.Cause(ctx))
		}
		if len(held)+len(line) > block && len(held) > 0 && held[len(held)-1] == '\n' {
			if err := take(string(held)); err != nil {
				return err
			}
			held = held[:0]
		}
		held = append(held, line...)
		switch {
		case err == io.EOF:
			return take(string(held))
		case err != nil: // the line is longer than a block
			cut := endOfWord(held)
			if err := take(string(held[:cut])); err != nil {
				return err
			}
			held = append(held[:0], held[cut:]...)
		}
	}
}

// endOfWord returns where the last word of a part of a line begins. If the word is too long, it returns the end of the
// part.
func endOfWord(part []byte) int {
	from := max(0, len(part)-longestWord)
	if at := bytes.LastIndexAny(part[from:], " \t"); at >= 0 {
		return from + at + 1
	}
	if at := bytes.LastIndexAny(part[from:], "&,;"); at >= 0 {
		return from + at + 1
	}
	return len(part)
}

// Count is how many different things of a kind have pseudonyms.
type Count struct {
	// Kind is a name for readers, in the plural.
	Kind string
	Of   int
}

// kinds are all kinds, with the names in [Count.Kind].
var kinds = []struct {
	kind kind
	name string
}{
	{userKind, "names of users"}, {computerKind, "names of computers"}, {hostKind, "host names"},
	{addressKind, "IP addresses"},
	{hardwareKind, "hardware addresses"}, {serialKind, "serial numbers"}, {idKind, "ids"}, {digestKind, "thumbprints"},
}

// Counts returns how many pseudonyms of each kind exist, but not the pseudonyms.
func (r *Redactor) Counts() []Count {
	var counts []Count
	for _, one := range kinds {
		if of := len(r.pseudonyms[one.kind]); of > 0 {
			counts = append(counts, Count{one.name, of})
		}
	}
	return counts
}
