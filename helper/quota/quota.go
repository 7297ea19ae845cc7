// Package quota keeps the histories of users apart. The number of entries of each user is limited, so that no user can
// push out another's. The number of all entries is limited too, so that many users cannot fill the disk.
//
// A [Book] lists the entries of each user in the journal. So adding an entry, or listing a user's own, reads none of
// the others' entries. The entries themselves are in a bucket of the caller, who adds and deletes them in the same
// transaction. An [Allowance] limits how often each user may do something.
package quota

import (
	"cmp"
	"maps"
	"slices"

	"usher.internal/helper/store"
)

// Limits says how many entries are kept.
type Limits struct {
	// PerUser is how many are kept for one user: the newest.
	PerUser int
	// Total is how many are kept in all. Beyond it the oldest entry of the user with the most is removed, so that a
	// user with fewer entries loses nothing to others.
	Total int
}

// Entry is one entry of a user.
type Entry[K cmp.Ordered] struct {
	UID uint32
	Key K
}

// Held reports whether an entry must be kept, whatever the limits are. Held of nil holds none.
type Held[K cmp.Ordered] func(Entry[K]) (bool, error)

// page is the entries of one user, the oldest first.
type page[K cmp.Ordered] struct {
	UID  uint32 `json:"uid"`
	Keys []K    `json:"keys"`
}

// Book lists the entries of each user. Keys of newer entries sort after those of older ones. A Book is made once, at
// package level.
type Book[K cmp.Ordered] struct{ pages store.Bucket[page[K]] }

// NewBook returns the book in the bucket of that name.
func NewBook[K cmp.Ordered](bucket string) Book[K] {
	return Book[K]{pages: store.NewBucket[page[K]](bucket)}
}

// Of returns the keys of a user's entries, the oldest first.
func (b Book[K]) Of(tx *store.Tx, uid uint32) ([]K, error) {
	own, _, err := b.pages.Get(tx, pageKey(uid))
	return own.Keys, err
}

// Add adds an entry that is newer than all others. It returns the entries beyond the limits; the caller deletes them.
func (b Book[K]) Add(tx *store.Tx, limits Limits, added Entry[K], held Held[K]) (forgotten []Entry[K], err error) {
	pages, err := b.read(tx)
	if err != nil {
		return nil, err
	}
	at, found := slices.BinarySearchFunc(pages, added.UID,
		func(p *page[K], uid uint32) int { return cmp.Compare(p.UID, uid) })
	if !found {
		pages = slices.Insert(pages, at, &page[K]{UID: added.UID})
	}
	pages[at].Keys = append(pages[at].Keys, added.Key)
	changed := map[*page[K]]bool{pages[at]: true}
	if forgotten, err = trim(pages, limits, held, changed); err != nil {
		return nil, err
	}
	return forgotten, b.write(tx, changed)
}

// Remove removes entries that the caller deletes. Entries that are not in the book are not an error.
func (b Book[K]) Remove(tx *store.Tx, removed ...Entry[K]) error {
	byUser := make(map[uint32][]K)
	for _, one := range removed {
		byUser[one.UID] = append(byUser[one.UID], one.Key)
	}
	changed := make(map[*page[K]]bool)
	for uid, keys := range byUser {
		own, found, err := b.pages.Get(tx, pageKey(uid))
		if err != nil {
			return err
		}
		if found {
			own.Keys = slices.DeleteFunc(own.Keys, func(key K) bool { return slices.Contains(keys, key) })
			changed[&own] = true
		}
	}
	return b.write(tx, changed)
}

// Complete reports whether the book has exactly these entries, in any order.
func (b Book[K]) Complete(tx *store.Tx, entries []Entry[K]) (bool, error) {
	pages, err := b.read(tx)
	if err != nil {
		return false, err
	}
	byUser := divide(entries)
	for _, one := range pages {
		if byUser[one.UID] == nil || !slices.Equal(one.Keys, byUser[one.UID].Keys) {
			return false, nil
		}
	}
	return len(pages) == len(byUser), nil
}

// Rebuild writes the book from all existing entries, in any order, and returns those beyond the limits. It is for the
// first use of a journal, which may be older than the book, or may have lost entries or pages to damage.
func (b Book[K]) Rebuild(tx *store.Tx, limits Limits, entries []Entry[K], held Held[K]) (forgotten []Entry[K],
	err error) {
	before, err := b.read(tx)
	if err != nil {
		return nil, err
	}
	byUser := divide(entries)
	for _, one := range before {
		if byUser[one.UID] == nil {
			byUser[one.UID] = &page[K]{UID: one.UID} // without entries it is deleted
		}
	}
	pages := slices.Collect(maps.Values(byUser))
	if forgotten, err = trim(pages, limits, held, make(map[*page[K]]bool)); err != nil {
		return nil, err
	}
	changed := make(map[*page[K]]bool, len(pages))
	for _, one := range pages {
		changed[one] = true
	}
	return forgotten, b.write(tx, changed)
}

// divide returns the pages of entries.
func divide[K cmp.Ordered](entries []Entry[K]) map[uint32]*page[K] {
	byUser := make(map[uint32]*page[K])
	for _, one := range entries {
		if byUser[one.UID] == nil {
			byUser[one.UID] = &page[K]{UID: one.UID}
		}
		byUser[one.UID].Keys = append(byUser[one.UID].Keys, one.Key)
	}
	for _, one := range byUser {
		slices.Sort(one.Keys)
	}
	return byUser
}

// read returns all pages, in the order of the uids.
func (b Book[K]) read(tx *store.Tx) (pages []*page[K], err error) {
	for one, err := range b.pages.Ascend(tx) {
		if err != nil {
			return nil, err
		}
		pages = append(pages, &one)
	}
	return pages, nil
}

// write writes pages, and deletes those that are empty.
func (b Book[K]) write(tx *store.Tx, pages map[*page[K]]bool) error {
	for one := range pages {
		var err error
		if len(one.Keys) > 0 {
			err = b.pages.Put(tx, pageKey(one.UID), *one)
		} else {
			err = b.pages.Delete(tx, pageKey(one.UID))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// trim removes the entries beyond the limits from the pages, and records which pages it changes.
func trim[K cmp.Ordered](pages []*page[K], limits Limits, held Held[K],
	changed map[*page[K]]bool) (forgotten []Entry[K], err error) {
	// drop removes the oldest entry of a page that is not held, and returns false if there is none.
	drop := func(from *page[K]) (bool, error) {
		for i, key := range from.Keys {
			one := Entry[K]{from.UID, key}
			if held != nil {
				stays, err := held(one)
				if err != nil {
					return false, err
				}
				if stays {
					continue
				}
			}
			from.Keys = slices.Delete(from.Keys, i, i+1)
			forgotten, changed[from] = append(forgotten, one), true
			return true, nil
		}
		return false, nil
	}
	total := 0
	for _, one := range pages {
		for len(one.Keys) > limits.PerUser {
			if dropped, err := drop(one); err != nil {
				return nil, err
			} else if !dropped {
				break
			}
		}
		total += len(one.Keys)
	}
	for rest := slices.Clone(pages); total > limits.Total && len(rest) > 0; {
		most := slices.MaxFunc(rest,
			func(a, b *page[K]) int { return cmp.Or(cmp.Compare(len(a.Keys), len(b.Keys)), older(a, b)) })
		dropped, err := drop(most)
		if err != nil {
			return nil, err
		}
		if dropped {
			total--
		} else {
			rest = slices.DeleteFunc(rest, func(one *page[K]) bool { return one == most })
		}
	}
	return forgotten, nil
}

// older compares two pages with the same number of entries: greater is the one whose oldest entry is older.
func older[K cmp.Ordered](a, b *page[K]) int {
	if len(a.Keys) == 0 || len(b.Keys) == 0 {
		return 0
	}
	return cmp.Compare(b.Keys[0], a.Keys[0])
}

func pageKey(uid uint32) []byte { return store.NumberKey(uint64(uid)) }
