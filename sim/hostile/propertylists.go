// Package hostile makes hostile files for the places where usher reads. Each is small, or of a size that usher accepts,
// and costs a careless reader its memory, its time or its life. Tests show them to every reader.
package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// PropertyLists returns property lists by their faults.
func PropertyLists() map[string][]byte {
	return map[string][]byte{
		"shared references":             nested(12, shape{}),
		"shared references, wide count": nested(12, shape{wideCount: true}),
		"shared references, wide table": nested(12, shape{offsetSize: 16}),
		"a long string shared":          shared(0x50, 1<<19, 30_000),
		"long data shared":              shared(0x40, 1<<19, 30_000),
		"long UTF-16 in many objects":   overlapping(1<<18, 30_000),
		"long key shared":               longKey(1<<19, 30_000),
		"a count of 64 bits":            array(0x7FFF_FFFF_FFFF_FFFF),
		"a count that wraps":            array(1<<64 - 17),
		"a string longer than its file": list([]byte{0x5F, 0x13, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0}),
		"UTF-16 whose length wraps":     list([]byte{0x6F, 0x13, 0x80, 0, 0, 0, 0, 0, 0, 0}),
		"a huge integer":                list([]byte{0x1F, 1, 2, 3}),
		"a UID that is cut off":         list([]byte{0x8F}),
		"an object outside":             outside(),
		"deep XML":                      []byte("<plist><dict><key>a</key>" + strings.Repeat("<array>", 100_000)),
		"deep XML with spaces":          []byte("<plist><dict><key>a</key>" + strings.Repeat("<array >", 100_000)),
		"deep XML with a prefix":        []byte("<plist><dict><key>a</key>" + strings.Repeat("<x:array>", 100_000)),
		"lists in lists":                []byte(strings.Repeat("<plist>", 140_000)),
		"XML behind text":               []byte("x <plist><dict><key>a</key>" + strings.Repeat("<array >", 100_000)),
		"XML with entities":             []byte(entities),
		"many values in XML": []byte(
			"<plist><dict><key>a</key><array>" + strings.Repeat("<true/>", 140_000) + "</array></dict></plist>"),
		"deep old-style text":            []byte("{ a = " + strings.Repeat("(", 500_000)),
		"deep old-style text, disguised": []byte(" bplist00 = " + strings.Repeat("(", 500_000)),
	}
}

// entities is the "billion laughs" of XML.
const entities = `<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
<!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">]>
<plist version="1.0"><dict><key>have_an_Azure_id</key><string>&f;</string></dict></plist>`

// list is a binary property list of a dictionary with one key, whose value is the first of the objects.
func list(objects ...[]byte) []byte { return laidOut(shape{}, objects) }

// shape describes the encoding of numbers; the zero value is macOS's.
type shape struct {
	// wideCount writes counts with 16 bytes.
	wideCount bool
	// offsetSize is the number of bytes of an offset; 0 means 4.
	offsetSize int
}

func laidOut(s shape, objects [][]byte) []byte {
	content := []byte("bplist00")
	var offsets []int
	for _, object := range append([][]byte{{0xD1, 0, 1, 0, 2}, {0x51, 'k'}}, objects...) {
		offsets = append(offsets, len(content))
		content = append(content, object...)
	}
	table := len(content)
	size := s.offsetSize
	if size == 0 {
		size = 4
	}
	for _, offset := range offsets {
		content = append(content, make([]byte, size-4)...)
		content = binary.BigEndian.AppendUint32(content, uint32(offset))
	}
	return append(content, trailer(size, 2, len(offsets), table)...)
}

func trailer(offsetSize, referenceSize, objects, table int) []byte {
	content := []byte{0, 0, 0, 0, 0, 0, byte(offsetSize), byte(referenceSize)}
	for _, number := range []int{objects, 0, table} {
		content = binary.BigEndian.AppendUint64(content, uint64(number))
	}
	return content
}

// nested are arrays, each of which holds the next one ten times.
func nested(levels int, s shape) []byte {
	var objects [][]byte
	for level := range levels {
		object := []byte{0xAA}
		if s.wideCount {
			object = append([]byte{0xAF, 0x14}, append(make([]byte, 15), 10)...)
		}
		for range 10 {
			object = binary.BigEndian.AppendUint16(object, uint16(level+3))
		}
		objects = append(objects, object)
	}
	return laidOut(s, append(objects, []byte{0x51, 'x'}))
}

// shared is an array that holds one string or data many times.
func shared(kind byte, size, times int) []byte {
	references := append([]byte{0xAF, 0x12}, binary.BigEndian.AppendUint32(nil, uint32(times))...)
	for range times {
		references = append(references, 0, 3)
	}
	text := append([]byte{kind | 0xF, 0x12}, binary.BigEndian.AppendUint32(nil, uint32(size))...)
	return list(references, append(text, bytes.Repeat([]byte{'x'}, size)...))
}

// overlapping is an array of many strings in UTF-16 that are all at one place; each has its own number, so a reader
// does not recognise them as one object.
func overlapping(letters, times int) []byte {
	content := []byte{'b', 'p', 'l', 'i', 's', 't', '0', '0', 0xD1, 0, 1, 0, 2, 0x51, 'k'}
	offsets := []int{8, 13, len(content)}
	content = append(append(content, 0xAF, 0x12), binary.BigEndian.AppendUint32(nil, uint32(times))...)
	for i := range times {
		content = binary.BigEndian.AppendUint16(content, uint16(i+3))
	}
	at := len(content)
	content = append(append(content, 0x6F, 0x12), binary.BigEndian.AppendUint32(nil, uint32(letters))...)
	content = append(content, bytes.Repeat([]byte{0, 'x'}, letters)...)
	for range times {
		offsets = append(offsets, at)
	}
	table := len(content)
	for _, offset := range offsets {
		content = binary.BigEndian.AppendUint32(content, uint32(offset))
	}
	return append(content, trailer(4, 2, len(offsets), table)...)
}

// longKey are many dictionaries with one long key.
func longKey(size, times int) []byte {
	references := append([]byte{0xAF, 0x12}, binary.BigEndian.AppendUint32(nil, uint32(times))...)
	for range times {
		references = append(references, 0, 3)
	}
	key := append([]byte{0x5F, 0x12}, binary.BigEndian.AppendUint32(nil, uint32(size))...)
	return list(references, []byte{0xD1, 0, 4, 0, 1}, append(key, bytes.Repeat([]byte{'k'}, size)...))
}

func array(count uint64) []byte {
	return list(append(append([]byte{0xAF, 0x13}, binary.BigEndian.AppendUint64(nil, count)...), 0, 1))
}

// outside has an object that begins after the end of the list.
func outside() []byte {
	content := list([]byte{0x51, 'x'})
	at := len(content) - 32 - 4
	copy(content[at:], fmt.Appendf(nil, "\xff\xff\xff\xff"))
	return content
}
