package propertylist_test

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"howett.net/plist"

	"usher.internal/internal/propertylist"
	"usher.internal/sim/hostile"
)

func TestParse(t *testing.T) {
	want := map[string]any{"have_an_Azure_id": true, "URLs": []any{"https://sts.windows.net"},
		"PlatformSSO": map[string]any{"UseSharedDeviceKeys": true}}
	for name, format := range map[string]int{"XML": plist.XMLFormat, "binary": plist.BinaryFormat} {
		content, err := plist.Marshal(want, format)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := propertylist.Parse(content); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "text", `{ a = 1; }`, "<plist><array/></plist>", "<plist><dict><key>a</key>",
		"bplist00"} {
		if got, err := propertylist.Parse([]byte(bad)); !errors.Is(err, propertylist.ErrNotRecognised) {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

func TestParseText(t *testing.T) {
	for text, want := range map[string]map[string]any{
		"{\n    \"have_an_Azure_id\" = 1;\n    \"last_aad_token_timestamp\" = \"1662566400.12345\";\n}\n": {
			"have_an_Azure_id": "1", "last_aad_token_timestamp": "1662566400.12345"},
		`{ a = { b = ( 1, "two words" ); }; "Caf\U00e9" = x; }`: {
			"a": map[string]any{"b": []any{"1", "two words"}}, "Café": "x"},
		`{ token = {length = 16, bytes = 0x00112233 44556677 ... ccddeeff }; }`: {
			"token": "0x00112233 44556677 ... ccddeeff "},
		"{\n}": {},
	} {
		if got, err := propertylist.ParseText(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "1", "( 1, 2 )", "{ a = ", `{ "a" : 1 }`} {
		if got, err := propertylist.ParseText(bad); !errors.Is(err, propertylist.ErrNotRecognised) {
			t.Errorf("%q: %v, %v", bad, got, err)
		}
	}
}

// folded is a binary property list of nested arrays, each of which holds the next one ten times.
func folded(levels int) []byte {
	content, offsets := []byte("bplist00"), []int{}
	add := func(object ...byte) {
		offsets = append(offsets, len(content))
		content = append(content, object...)
	}
	add(0xD1, 1, 2) // a dictionary with one key
	add(0x51, 'k')
	for level := range levels {
		object := []byte{0xAA}
		for range 10 {
			object = append(object, byte(level+3))
		}
		add(object...)
	}
	add(0x51, 'x')
	table := len(content)
	for _, offset := range offsets {
		content = binary.BigEndian.AppendUint16(content, uint16(offset))
	}
	content = append(content, 0, 0, 0, 0, 0, 0, 2, 1)
	for _, number := range []int{len(offsets), 0, table} {
		content = binary.BigEndian.AppendUint64(content, uint64(number))
	}
	return content
}

func TestWhatCostsTooMuchIsRefused(t *testing.T) {
	if _, err := propertylist.Parse(folded(3)); err != nil {
		t.Errorf("3 levels: %v", err)
	}
	itself := folded(3)
	itself[len("bplist00")+len("\xD1\x01\x02\x51k")+1] = 2 // the first array holds itself
	hostiles := hostile.PropertyLists()
	for name, test := range map[string]struct {
		content []byte
		says    string
	}{
		"many bytes":                    {hostiles["a long string shared"], "bytes"},
		"many bytes of keys":            {hostiles["long key shared"], "bytes"},
		"many bytes of UTF-16":          {hostiles["long UTF-16 in many objects"], "bytes"},
		"many values in XML":            {hostiles["many values in XML"], "values"},
		"too long":                      {make([]byte, propertylist.MaximumSize+1), "bytes"},
		"a small file with many values": {folded(12), "values"},
		"refers to itself":              {itself, "itself"},
		"deep XML": {[]byte("<plist><dict><key>a</key>" + strings.Repeat("<array>", 100_000)),
			"levels"},
	} {
		if _, err := propertylist.Parse(test.content); !errors.Is(err, propertylist.ErrNotRecognised) ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := propertylist.ParseText("{ a = " + strings.Repeat("(", 100_000)); !errors.Is(err,
		propertylist.ErrNotRecognised) || !strings.Contains(err.Error(), "levels") {
		t.Errorf("deep text: %v", err)
	}
}

// Small content costs little, with any values.
func TestHostileLists(t *testing.T) {
	hostile.Meet(t, propertylist.MaximumSize, func(t *testing.T, content []byte) {
		if values, err := propertylist.Parse(content); !errors.Is(err, propertylist.ErrNotRecognised) {
			t.Errorf("Parse: %d values, %v", len(values), err)
		}
		if values, err := propertylist.ParseText(string(content)); !errors.Is(err, propertylist.ErrNotRecognised) {
			t.Errorf("ParseText: %d values, %v", len(values), err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("<plist><dict><key>a</key><true/></dict></plist>"))
	f.Add([]byte("{ a = (1, {b = 2;}); }"))
	f.Add(folded(3))
	for _, content := range hostile.PropertyLists() {
		if len(content) < 1000 { // with longer content, the fuzzer would only become slow
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := propertylist.Parse(content); err != nil &&
			(!errors.Is(err, propertylist.ErrNotRecognised) || strings.ContainsAny(err.Error(), "\n\x1b")) {
			t.Errorf("%q", err)
		}
		if _, err := propertylist.ParseText(string(content)); err != nil &&
			!errors.Is(err, propertylist.ErrNotRecognised) {
			t.Errorf("%q", err)
		}
	})
}
