package wpj_test

import (
	"slices"
	"testing"

	"usher.internal/internal/ber"
)

// node is one element of a certificate, to be changed and written again.
type node struct {
	identifier []byte
	children   []*node // of a constructed element
	content    []byte  // of a primitive one
	// long is the minimum number of digits of a length in the long form. 0 is the short form if possible.
	long       int
	indefinite bool
	// raw is the whole element; it replaces everything else.
	raw []byte
}

func element(identifier byte, content ...byte) *node {
	return &node{identifier: []byte{identifier}, content: content}
}

func constructed(identifier byte, children ...*node) *node {
	return &node{identifier: []byte{identifier}, children: children}
}

// treeOf reads DER.
func treeOf(t testing.TB, der []byte) *node {
	t.Helper()
	read, rest, err := ber.Next(der)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	n := &node{identifier: der[:1:1], content: read.Content}
	if read.Constructed {
		n.content = nil
		for content := read.Content; len(content) > 0; {
			child, after, err := ber.Next(content)
			if err != nil {
				t.Fatal(err)
			}
			n.children, content = append(n.children, treeOf(t, child.Raw)), after
		}
	}
	return n
}

func (n *node) encode() []byte {
	if n.raw != nil {
		return n.raw
	}
	content := slices.Clone(n.content)
	for _, child := range n.children {
		content = append(content, child.encode()...)
	}
	if n.indefinite {
		return slices.Concat(n.identifier, []byte{0x80}, content, []byte{0, 0})
	}
	var digits []byte
	for length := len(content); length > 0; length >>= 8 {
		digits = append([]byte{byte(length)}, digits...)
	}
	if n.long == 0 && len(content) < 0x80 {
		return slices.Concat(n.identifier, []byte{byte(len(content))}, content)
	}
	for len(digits) < n.long {
		digits = append([]byte{0}, digits...)
	}
	return slices.Concat(n.identifier, []byte{0x80 | byte(len(digits))}, digits, content)
}

// each calls do for the node and all nodes below it.
func (n *node) each(do func(*node)) {
	do(n)
	for _, child := range n.children {
		child.each(do)
	}
}

// isConstructed looks at the identifier, because an empty SEQUENCE has no children.
func (n *node) isConstructed() bool { return n.identifier[0]&0x20 != 0 }

// The parts of a certificate that has all of the first eight fields.
func (n *node) tbs() *node        { return n.children[0] }
func (n *node) serial() *node     { return n.tbs().children[1] }
func (n *node) issuer() *node     { return n.tbs().children[3] }
func (n *node) validity() *node   { return n.tbs().children[4] }
func (n *node) subject() *node    { return n.tbs().children[5] }
func (n *node) publicKey() *node  { return n.tbs().children[6] }
func (n *node) extensions() *node { return n.tbs().children[7].children[0] }

// replace puts another node in its place, in the same memory.
func (n *node) replace(by *node) { *n = *by }

// extensionOf is an extension in a certificate's form.
func extensionOf(oid []byte, value []byte) *node {
	return constructed(0x30, element(0x06, oid...), element(0x04, value...))
}
