package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt maps the file into memory and trusts it. A wrong page causes a fault of the processor, a failed assertion, an
// endless loop or a search that finds nothing. Its own Check runs, and panics, in a goroutine of its own. So this code
// examines the structure before bbolt sees the file: it reads, and compares every length and reference with the file.
// The format is that of bbolt's version 2: internal/common/{meta,page,bucket}.go of go.etcd.io/bbolt.
const (
	formatMagic   = 0xED0CDAED
	formatVersion = 2

	pageHeader    = 16 // id uint64, flags uint16, count uint16, overflow uint32
	elementSize   = 16
	bucketHeader  = 16 // root page uint64, sequence uint64
	headerSize    = 64
	headerSummed  = 56
	smallestPage  = 1 << 10
	largestPage   = 1 << 16
	deepestBranch = 64

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketEntry  = 0x01

	// tooMuchBehind is how much may be in the file behind its last page. bbolt grows it by far less.
	tooMuchBehind = 16 << 20
)

var native = binary.NativeEndian

// header is the content of a meta page.
type header struct {
	pageSize                   int64
	root, freelist, pages, txn uint64
}

// readHeader reads the header at an offset of the file. txn is the number of its transaction, even if the header is not
// valid.
func readHeader(file io.ReaderAt, at int64) (_ header, txn uint64, valid bool, err error) {
	page := make([]byte, pageHeader+headerSize)
	if _, err := file.ReadAt(page, at); errors.Is(err, io.EOF) {
		return header{}, 0, false, nil
	} else if err != nil {
		return header{}, 0, false, err
	}
	meta := page[pageHeader:]
	sum := fnv.New64a()
	sum.Write(meta[:headerSummed])
	txn = native.Uint64(meta[48:])
	h := header{
		pageSize: int64(native.Uint32(meta[8:])),
		root:     native.Uint64(meta[16:]), freelist: native.Uint64(meta[32:]), pages: native.Uint64(meta[40:]),
		txn: txn,
	}
	valid = native.Uint32(meta) == formatMagic && native.Uint32(meta[4:]) == formatVersion &&
		native.Uint64(meta[headerSummed:]) == sum.Sum64() &&
		h.pageSize >= smallestPage && h.pageSize <= largestPage && h.pageSize&(h.pageSize-1) == 0
	return h, txn, valid, nil
}

// headers finds the header that bbolt uses: of the valid ones, the one with the later transaction. lastMayBeLost is
// true if the other one is damaged and may have been the later.
func headers(file io.ReaderAt) (newest header, lastMayBeLost bool, err error) {
	first, firstTxn, firstValid, err := readHeader(file, 0)
	if err != nil {
		return header{}, false, err
	}
	if firstValid {
		second, secondTxn, valid, err := readHeader(file, first.pageSize)
		switch {
		case err != nil:
			return header{}, false, err
		case !valid:
			return first, secondTxn+1 != first.txn, nil
		case second.pageSize != first.pageSize:
			return header{}, false, errors.New("the header pages disagree about the size of pages")
		case second.txn > first.txn:
			return second, false, nil
		}
		// the same twice: one is a copy, and may have replaced the later one
		return first, second.txn == first.txn, nil
	}
	for at := int64(smallestPage); at <= largestPage; at *= 2 {
		second, _, valid, err := readHeader(file, at)
		if err != nil {
			return header{}, false, err
		}
		if valid && second.pageSize == at {
			return second, firstTxn+1 != second.txn, nil
		}
	}
	return header{}, false, errors.New("no header page is valid")
}

// structure is a file under examination.
type structure struct {
	file   io.ReaderAt
	header header
	// used reports, for each page, whether something refers to it.
	used []bool
	// irregular is true if a branch's key is not the first one below it, although bbolt finds everything. bbolt cannot
	// change such a page.
	irregular bool
}

// examination is the result for a file that can be read. lastMayBeLost is as in [headers], irregular as in [structure].
type examination struct{ lastMayBeLost, irregular bool }

// examine returns an error that wraps [ErrDamaged] unless every part of the file that bbolt uses is sound. It needs
// memory for the largest value and one byte for each page.
func examine(file *os.File) (looked examination, err error) {
	info, err := file.Stat()
	if err != nil {
		return looked, err
	}
	size := info.Size()
	newest, lastMayBeLost, err := headers(file)
	if err == nil {
		looked.lastMayBeLost = lastMayBeLost
		looked.irregular, err = examinePages(file, size, newest)
	}
	if err != nil {
		return looked, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if end := int64(newest.pages) * newest.pageSize; size-end > tooMuchBehind {
		// Nothing is there, and bbolt would map all of it.
		if err := file.Truncate(end); err != nil {
			return looked, err
		}
	}
	return looked, nil
}

func examinePages(file io.ReaderAt, size int64, newest header) (irregular bool, err error) {
	// bbolt reads a whole page of 4 KiB of the header, whatever the size of pages is.
	if available := size / newest.pageSize; newest.pages > uint64(available) || newest.pages < 4 || size < 1<<12 {
		return false, fmt.Errorf("the file has %d of %d pages", available, newest.pages)
	}
	s := &structure{file: file, header: newest, used: make([]bool, newest.pages)}
	s.used[0], s.used[1] = true, true
	free, err := s.freelist()
	if err != nil {
		return false, err
	}
	err = s.walk(newest.root, nil, nil, 0, func(flags uint32, _, value []byte) error {
		if flags != bucketEntry {
			return errors.New("a value is where buckets are")
		}
		return s.bucket(value)
	})
	if err != nil {
		return false, err
	}
	for _, id := range free {
		if id < 2 || id >= newest.pages || s.used[id] {
			return false, fmt.Errorf("page %d is listed as free", id)
		}
		s.used[id] = true
	}
	return s.irregular, nil
}

// bucket examines the bucket that a value of the root describes. Its pages are elsewhere; a small bucket has its page
// in the value.
func (s *structure) bucket(value []byte) error {
	if len(value) < bucketHeader {
		return errors.New("a bucket is cut short")
	}
	values := func(flags uint32, _, _ []byte) error {
		if flags != 0 {
			return errors.New("a bucket is where values are")
		}
		return nil
	}
	if root := native.Uint64(value); root != 0 {
		return s.walk(root, nil, nil, 0, values)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || native.Uint16(inline[8:]) != leafPage {
		return errors.New("a small bucket has no page")
	}
	_, err := leaf(inline, nil, nil, values)
	return err
}

// page reads a page with its overflow pages, and records that something refers to it.
func (s *structure) page(id uint64) ([]byte, error) {
	head := make([]byte, pageHeader)
	if id < 2 || id >= s.header.pages {
		return nil, fmt.Errorf("page %d does not exist", id)
	}
	if _, err := s.file.ReadAt(head, int64(id)*s.header.pageSize); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	overflow := uint64(native.Uint32(head[12:]))
	if says := native.Uint64(head); says != id || id+overflow >= s.header.pages {
		return nil, fmt.Errorf("page %d says that it is %d, and %d pages longer", id, says, overflow)
	}
	for one := id; one <= id+overflow; one++ {
		if s.used[one] {
			return nil, fmt.Errorf("page %d is used twice", one)
		}
		s.used[one] = true
	}
	page := make([]byte, int64(1+overflow)*s.header.pageSize)
	if _, err := s.file.ReadAt(page, int64(id)*s.header.pageSize); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	return page, nil
}

// freelist returns the pages that are listed as free.
func (s *structure) freelist() ([]uint64, error) {
	page, err := s.page(s.header.freelist)
	if err != nil {
		return nil, fmt.Errorf("list of free pages: %w", err)
	}
	if native.Uint16(page[8:]) != freelistPage {
		return nil, errors.New("the list of free pages is another page")
	}
	count, ids := uint64(native.Uint16(page[10:])), page[pageHeader:]
	if count == 0xFFFF { // that many or more: the number is the first entry
		count, ids = native.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return nil, fmt.Errorf("the list of free pages has %d entries, and room for %d", count, len(ids)/8)
	}
	free := make([]uint64, count)
	for i := range free {
		free[i] = native.Uint64(ids[8*i:])
	}
	return free, nil
}

// walk examines a page and those below it. Its keys are at least from and less than to, nil for no limit: bbolt would
// not find others.
func (s *structure) walk(id uint64, from, to []byte, depth int,
	visit func(flags uint32, key, value []byte) error) error {
	if depth > deepestBranch {
		return errors.New("the pages are nested too deeply")
	}
	page, err := s.page(id)
	if err != nil {
		return err
	}
	if first := firstKey(page); depth > 0 && !bytes.Equal(first, from) {
		s.irregular = true
	}
	switch flags := native.Uint16(page[8:]); flags {
	case leafPage:
		if at, err := leaf(page, from, to, visit); err != nil {
			return fmt.Errorf("page %d, entry %d: %w", id, at, err)
		}
		return nil
	case branchPage:
		return s.branch(id, page, from, to, depth, visit)
	default:
		return fmt.Errorf("page %d is of the kind %#x", id, flags)
	}
}

func (s *structure) branch(id uint64, page, from, to []byte, depth int,
	visit func(flags uint32, key, value []byte) error) error {
	type below struct {
		key []byte
		id  uint64
	}
	count := int(native.Uint16(page[10:]))
	if count == 0 || pageHeader+count*elementSize > len(page) {
		return fmt.Errorf("page %d has %d branches", id, count)
	}
	children := make([]below, count)
	for i := range children {
		at := pageHeader + i*elementSize // pos uint32, key size uint32, page uint64
		key, err := part(page, at, count, native.Uint32(page[at:]), native.Uint32(page[at+4:]), 0)
		if err != nil {
			return fmt.Errorf("page %d, branch %d: %w", id, i, err)
		}
		children[i] = below{key, native.Uint64(page[at+8:])}
		if err := inOrder(key, from, to, i == 0); err != nil {
			return fmt.Errorf("page %d, branch %d: %w", id, i, err)
		}
		from = key
	}
	for i, child := range children {
		end := to
		if i+1 < count {
			end = children[i+1].key
		}
		if err := s.walk(child.id, child.key, end, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

// leaf examines the entries of a page and visits each. After an error, at is the index of the entry.
func leaf(page, from, to []byte, visit func(flags uint32, key, value []byte) error) (at int, err error) {
	count := int(native.Uint16(page[10:]))
	if pageHeader+count*elementSize > len(page) {
		return 0, fmt.Errorf("%d entries do not fit", count)
	}
	for i := range count {
		at := pageHeader + i*elementSize // flags uint32, pos uint32, key size uint32, value size uint32
		flags, keySize := native.Uint32(page[at:]), native.Uint32(page[at+8:])
		both, err := part(page, at, count, native.Uint32(page[at+4:]), keySize, native.Uint32(page[at+12:]))
		if err == nil {
			err = inOrder(both[:keySize], from, to, i == 0)
		}
		if err == nil {
			err = visit(flags, both[:keySize], both[keySize:])
		}
		if err != nil {
			return i, err
		}
		from = both[:keySize]
	}
	return 0, nil
}

// firstKey returns the first key of a page, nil if it is not known.
func firstKey(page []byte) []byte {
	at, count := pageHeader, int(native.Uint16(page[10:]))
	position, size := native.Uint32(page[at:]), native.Uint32(page[at+4:])
	if native.Uint16(page[8:]) == leafPage {
		position, size = native.Uint32(page[at+4:]), native.Uint32(page[at+8:])
	}
	key, err := part(page, at, count, position, size, 0)
	if err != nil {
		return nil
	}
	return key
}

// part returns the key and value of the element at an offset of the page. They are behind all elements.
func part(page []byte, element, count int, position, keySize, valueSize uint32) ([]byte, error) {
	begin := uint64(element) + uint64(position)
	end := begin + uint64(keySize) + uint64(valueSize)
	if keySize == 0 || begin < uint64(pageHeader+count*elementSize) || end > uint64(len(page)) {
		return nil, fmt.Errorf("it is at %d to %d of %d bytes, its key has %d", begin, end, len(page), keySize)
	}
	return page[begin:end], nil
}

// inOrder returns an error unless a key is greater than from and less than to. The first key of a page may be equal to
// from.
func inOrder(key, from, to []byte, first bool) error {
	if from != nil {
		if order := bytes.Compare(from, key); order > 0 || order == 0 && !first {
			return errors.New("its key is out of order")
		}
	}
	if to != nil && bytes.Compare(key, to) >= 0 {
		return errors.New("its key belongs elsewhere")
	}
	return nil
}
