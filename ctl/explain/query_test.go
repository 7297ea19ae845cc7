package explain

import (
	"strings"
	"testing"
)

func TestQueryInUTF16(t *testing.T) {
	for name, text := range map[string]string{
		"little-endian": "\xff\xfe6\x006\x00", "big-endian": "\xfe\xff\x006\x006",
		"UTF-8 with a mark": "\xef\xbb\xbf66", "UTF-8": "66",
	} {
		if query, err := explainQuery(t.Context(), []string{"-"}, strings.NewReader(text)); query != "66" ||
			err != nil {
			t.Errorf("%s: %q, %v", name, query, err)
		}
	}
}
