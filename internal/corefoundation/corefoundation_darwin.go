package corefoundation

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Ref is a CFTypeRef: a pointer to an object with a reference count of CoreFoundation. Zero is NULL. A function with
// Create or Copy in its name returns a Ref that its caller must release.
type Ref uintptr

const frameworks = "/System/Library/Frameworks/"

// Load opens a framework and binds each function variable to the framework's function of that name. The error names
// what is missing.
func Load(framework string, functions map[string]any) (handle uintptr, err error) {
	handle, err = purego.Dlopen(frameworks+framework+".framework/"+framework, purego.RTLD_LAZY|purego.RTLD_GLOBAL)
	if err != nil {
		return 0, fmt.Errorf("load %s: %w", framework, err)
	}
	for name, function := range functions {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return 0, fmt.Errorf("find %s in %s: %w", name, framework, err)
		}
		purego.RegisterFunc(function, symbol)
	}
	return handle, nil
}

// Constant returns the object that a framework exports under a name, such as kSecGuestAttributeAudit. The caller must
// not release it.
func Constant(handle uintptr, name string) (Ref, error) {
	symbol, err := purego.Dlsym(handle, name)
	if err != nil {
		return 0, fmt.Errorf("find %s: %w", name, err)
	}
	return *(*Ref)(*(*unsafe.Pointer)(unsafe.Pointer(&symbol))), nil
}

// From CoreFoundation's headers: kCFStringEncodingUTF8 and kCFPropertyListBinaryFormat_v1_0.
const (
	encodingUTF8         = 0x08000100
	binaryPropertyList   = 200
	longestSerialization = 4 << 20
)

var functions struct {
	release      func(Ref)
	createString func(allocator Ref, bytes *byte, length int, encoding uint32, external bool) Ref
	createData   func(allocator Ref, bytes *byte, length int) Ref
	dataLength   func(Ref) int
	dataBytes    func(data Ref, from, length int, into *byte)
	createURL    func(allocator Ref, bytes *byte, length int, isDirectory bool) Ref
	createDict   func(allocator Ref, keys, values *Ref, count int, keyCallbacks, valueCallbacks uintptr) Ref
	serialize    func(allocator, list Ref, format int, options uint, failure *Ref) Ref
	// keyCallbacks and valueCallbacks are the addresses of structures that CoreFoundation exports.
	keyCallbacks, valueCallbacks uintptr
}

// load loads CoreFoundation once. CFDataGetBytes takes a range, a structure of two integers, which both architectures
// pass as two arguments.
var load = sync.OnceValue(func() error {
	handle, err := Load("CoreFoundation", map[string]any{
		"CFRelease":                               &functions.release,
		"CFStringCreateWithBytes":                 &functions.createString,
		"CFDataCreate":                            &functions.createData,
		"CFDataGetLength":                         &functions.dataLength,
		"CFDataGetBytes":                          &functions.dataBytes,
		"CFDictionaryCreate":                      &functions.createDict,
		"CFPropertyListCreateData":                &functions.serialize,
		"CFURLCreateFromFileSystemRepresentation": &functions.createURL,
	})
	if err != nil {
		return err
	}
	var keysErr, valuesErr error
	functions.keyCallbacks, keysErr = purego.Dlsym(handle, "kCFTypeDictionaryKeyCallBacks")
	functions.valueCallbacks, valuesErr = purego.Dlsym(handle, "kCFTypeDictionaryValueCallBacks")
	return errors.Join(keysErr, valuesErr)
})

// errNull says that CoreFoundation returned NULL.
var errNull = errors.New("CoreFoundation returned NULL")

// create makes an object with a function of CoreFoundation. It loads CoreFoundation first.
func create(what string, by func() Ref) (Ref, error) {
	if err := load(); err != nil {
		return 0, err
	}
	ref := by()
	if ref == 0 {
		return 0, fmt.Errorf("make %s: %w", what, errNull)
	}
	return ref, nil
}

// Release releases an object; zero is fine.
func Release(ref Ref) {
	if ref != 0 && load() == nil { // a framework of Load may have made it
		functions.release(ref)
	}
}

// NewString makes a CFString.
func NewString(text string) (Ref, error) {
	bytes := append([]byte(text), 0) // even an empty text needs a pointer
	defer runtime.KeepAlive(bytes)
	return create("string", func() Ref { return functions.createString(0, &bytes[0], len(text), encodingUTF8, false) })
}

// NewData makes a CFData.
func NewData(content []byte) (Ref, error) {
	bytes := append(content[:len(content):len(content)], 0)
	defer runtime.KeepAlive(bytes)
	return create("data", func() Ref { return functions.createData(0, &bytes[0], len(content)) })
}

// NewFileURL makes a CFURL of the path of a file.
func NewFileURL(path string) (Ref, error) {
	bytes := append([]byte(path), 0)
	defer runtime.KeepAlive(bytes)
	return create("URL", func() Ref { return functions.createURL(0, &bytes[0], len(path), false) })
}

// NewDictionary makes a CFDictionary with one entry.
func NewDictionary(key, value Ref) (Ref, error) {
	return create("dictionary", func() Ref {
		return functions.createDict(0, &key, &value, 1, functions.keyCallbacks, functions.valueCallbacks)
	})
}

// PropertyList returns an object in the form of a binary property list. The object must be of a kind that a property
// list can hold.
func PropertyList(list Ref) ([]byte, error) {
	data, err := create("property list", func() Ref { return functions.serialize(0, list, binaryPropertyList, 0, nil) })
	if err != nil {
		return nil, err
	}
	defer Release(data)
	length := functions.dataLength(data)
	if length <= 0 || length > longestSerialization {
		return nil, fmt.Errorf("write property list: %d bytes", length)
	}
	content := make([]byte, length)
	functions.dataBytes(data, 0, length, &content[0])
	return content, nil
}
