package portal

import (
	"reflect"
	"testing"
)

func TestParseProcessArguments(t *testing.T) {
	const count = "\x02\x00\x00\x00"
	for name, test := range map[string]struct {
		data string
		want processArguments
		ok   bool
	}{
		"whole": {count + "/a/Company Portal\x00\x00\x00\x00Company Portal\x00-r\x00HOME=/u\x00A=\x00\x00more\x00",
			processArguments{"/a/Company Portal", []string{"Company Portal", "-r"}, []string{"HOME=/u", "A="}}, true},
		"hidden environment": {count + "/a\x00\x00a\x00-r\x00", processArguments{"/a", []string{"a", "-r"}, nil}, true},
		"torn arguments":     {count + "/a\x00\x00a\x00-", processArguments{}, false},
		"torn executable":    {count + "/a", processArguments{}, false},
		"negative count":     {"\xff\xff\xff\xff/a\x00a\x00", processArguments{}, false},
		"short":              {"\x01", processArguments{}, false},
	} {
		got, ok := parseProcessArguments([]byte(test.data))
		if ok != test.ok || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, %v", name, got, ok)
		}
	}
}

func FuzzParseProcessArguments(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00/a\x00\x00a\x00A=b\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { parseProcessArguments(data) })
}
