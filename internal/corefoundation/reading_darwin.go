package corefoundation

import (
	"errors"
	"fmt"
	"sync"
)

// ErrKind says that an object is not of the expected kind. CoreFoundation ends the process when a function gets an
// object of another kind. Therefore usher asks every object from a framework for its kind first.
var ErrKind = errors.New("object is of another kind")

var reading struct {
	kindOf                                    func(Ref) uint
	kindOfArray, kindOfData, kindOfDictionary func() uint
	kindOfString                              func() uint
	count                                     func(array Ref) int
	at                                        func(array Ref, index int) Ref
	value                                     func(dictionary, key Ref) Ref
	represent                                 func(allocator, text Ref, encoding uint32, loss byte) Ref
}

var loadReading = sync.OnceValue(func() error {
	_, err := Load("CoreFoundation", map[string]any{
		"CFGetTypeID":                          &reading.kindOf,
		"CFArrayGetTypeID":                     &reading.kindOfArray,
		"CFDataGetTypeID":                      &reading.kindOfData,
		"CFDictionaryGetTypeID":                &reading.kindOfDictionary,
		"CFStringGetTypeID":                    &reading.kindOfString,
		"CFArrayGetCount":                      &reading.count,
		"CFArrayGetValueAtIndex":               &reading.at,
		"CFDictionaryGetValue":                 &reading.value,
		"CFStringCreateExternalRepresentation": &reading.represent,
	})
	return errors.Join(load(), err)
})

// check loads the functions for reading. It returns an error that wraps [ErrKind] if an object is of another kind. The
// kind is given by its function, which exists only after loading.
func check(object Ref, kind *func() uint, name string) error {
	if err := loadReading(); err != nil {
		return err
	}
	if object == 0 || reading.kindOf(object) != (*kind)() {
		return fmt.Errorf("%w: not a %s", ErrKind, name)
	}
	return nil
}

// Elements returns the objects of a CFArray, which continue to belong to the array. The error wraps [ErrKind] if it is
// not a CFArray.
func Elements(array Ref) ([]Ref, error) {
	if err := check(array, &reading.kindOfArray, "CFArray"); err != nil {
		return nil, err
	}
	elements := make([]Ref, reading.count(array))
	for i := range elements {
		elements[i] = reading.at(array, i)
	}
	return elements, nil
}

// Bytes returns the content of a CFData. The error wraps [ErrKind] if it is not a CFData.
func Bytes(data Ref) ([]byte, error) {
	if err := check(data, &reading.kindOfData, "CFData"); err != nil {
		return nil, err
	}
	content := make([]byte, functions.dataLength(data))
	if len(content) > 0 {
		functions.dataBytes(data, 0, len(content), &content[0])
	}
	return content, nil
}

// Text returns the value of a key in a CFDictionary. It returns "" if the key is missing or its value is not a
// CFString. The error wraps [ErrKind] if it is not a CFDictionary.
func Text(dictionary Ref, key string) (string, error) {
	if err := check(dictionary, &reading.kindOfDictionary, "CFDictionary"); err != nil {
		return "", err
	}
	name, err := NewString(key)
	if err != nil {
		return "", err
	}
	defer Release(name)
	text := reading.value(dictionary, name)
	if check(text, &reading.kindOfString, "CFString") != nil {
		return "", nil
	}
	data, err := create("data of a string", func() Ref { return reading.represent(0, text, encodingUTF8, 0) })
	if err != nil {
		return "", err
	}
	defer Release(data)
	content, err := Bytes(data)
	return string(content), err
}
