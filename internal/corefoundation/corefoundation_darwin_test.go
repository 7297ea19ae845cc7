package corefoundation_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"usher.internal/internal/corefoundation"
	"usher.internal/internal/propertylist"
)

// counted is CFGetRetainCount.
var counted func(corefoundation.Ref) int

func TestMain(m *testing.M) {
	if _, err := corefoundation.Load("CoreFoundation", map[string]any{"CFGetRetainCount": &counted}); err != nil {
		panic(err)
	}
	m.Run()
}

// A dictionary holds references to its contents and releases them when it is released.
func TestReferencesAreCounted(t *testing.T) {
	long := bytes.Repeat([]byte("a value that no pointer holds "), 9)
	key, err := corefoundation.NewString("a key that is too long for a tagged pointer")
	if err != nil {
		t.Fatal(err)
	}
	value, err := corefoundation.NewData(long)
	if err != nil {
		t.Fatal(err)
	}
	dictionary, err := corefoundation.NewDictionary(key, value)
	if err != nil {
		t.Fatal(err)
	}
	if counted(key) != 2 || counted(value) != 2 || counted(dictionary) != 1 {
		t.Errorf("in a dictionary: %d, %d, %d references", counted(key), counted(value), counted(dictionary))
	}
	corefoundation.Release(dictionary)
	if counted(key) != 1 || counted(value) != 1 {
		t.Errorf("without it: %d, %d references", counted(key), counted(value))
	}
	corefoundation.Release(key)
	corefoundation.Release(value)
}

func TestStringIsUTF8(t *testing.T) {
	for text, valid := range map[string]bool{"": true, "Grüße 🙂": true, "\xff": false, "\xed\xa0\x80": false,
		"\xc0\x80": false} {
		ref, err := corefoundation.NewString(text)
		if (err == nil) != valid {
			t.Errorf("%q: %v", text, err)
		}
		corefoundation.Release(ref)
	}
}

// Property lists that macOS writes can be read.
func TestPropertyList(t *testing.T) {
	for _, text := range []string{"plain", "Grüße 🙂 and more than fifteen units", ""} {
		key, err := corefoundation.NewString("key")
		if err != nil {
			t.Fatal(err)
		}
		value, err := corefoundation.NewString(text)
		if err != nil {
			t.Fatal(err)
		}
		dictionary, err := corefoundation.NewDictionary(key, value)
		if err != nil {
			t.Fatal(err)
		}
		content, err := corefoundation.PropertyList(dictionary)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := propertylist.Parse(content); err != nil || len(read) != 1 || read["key"] != text {
			t.Errorf("%q: read %v, %v", text, read, err)
		}
		for _, one := range []corefoundation.Ref{key, value, dictionary} {
			corefoundation.Release(one)
		}
	}
}

// The error names what is missing. An object of another kind is refused before CoreFoundation ends the process because
// of it.
func TestWhatIsNotThere(t *testing.T) {
	if _, err := corefoundation.Load("NoSuchFramework", nil); err == nil ||
		!strings.Contains(err.Error(), "NoSuchFramework") {
		t.Errorf("a framework that is not there: %v", err)
	}
	var function func()
	if _, err := corefoundation.Load("CoreFoundation", map[string]any{"CFNoSuchFunction": &function}); err == nil ||
		!strings.Contains(err.Error(), "CFNoSuchFunction") {
		t.Errorf("a function that is not there: %v", err)
	}
	handle, err := corefoundation.Load("CoreFoundation", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := corefoundation.Constant(handle, "kCFNoSuchConstant"); err == nil ||
		!strings.Contains(err.Error(), "kCFNoSuchConstant") {
		t.Errorf("a constant that is not there: %v", err)
	}
	null, err := corefoundation.Constant(handle, "kCFNull")
	if err != nil {
		t.Fatal(err)
	}
	if content, err := corefoundation.PropertyList(null); err == nil {
		t.Errorf("kCFNull as a property list: %x", content)
	}
	text, err := corefoundation.NewString("a string")
	if err != nil {
		t.Fatal(err)
	}
	defer corefoundation.Release(text)
	for _, object := range []corefoundation.Ref{0, text} {
		if found, err := corefoundation.Elements(object); !errors.Is(err, corefoundation.ErrKind) {
			t.Errorf("elements: %v, %v", found, err)
		}
		if found, err := corefoundation.Bytes(object); !errors.Is(err, corefoundation.ErrKind) {
			t.Errorf("bytes: %v, %v", found, err)
		}
		if found, err := corefoundation.Text(object, "key"); !errors.Is(err, corefoundation.ErrKind) {
			t.Errorf("text: %q, %v", found, err)
		}
	}
	dictionary, err := corefoundation.NewDictionary(text, null)
	if err != nil {
		t.Fatal(err)
	}
	defer corefoundation.Release(dictionary)
	for key, valid := range map[string]bool{"a string": true, "another": true, "\xff": false} {
		if found, err := corefoundation.Text(dictionary, key); found != "" || (err == nil) != valid {
			t.Errorf("%q is %q, %v", key, found, err)
		}
	}
}
