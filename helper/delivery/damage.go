package delivery

import "usher.internal/helper/store"

// recount corrects the number of unpublished reports. It is wrong after one of them was set aside
// ([store.Store.Damages]). The books of the users may have lost pages too, and are rebuilt with the next report.
func (o *Outbox) recount() error {
	o.indexed.Store(false)
	differs := func(tx *store.Tx) (counted publication, differs bool, err error) {
		counted, _, err = publications.Get(tx, publicationKey)
		waiting := 0
		for range unpublished.Keys(tx) {
			waiting++
		}
		differs = counted.Waiting != waiting
		counted.Waiting = waiting
		return counted, differs, err
	}
	var wrong bool
	err := o.store.View(func(tx *store.Tx) (err error) {
		_, wrong, err = differs(tx)
		return err
	})
	if err != nil || !wrong {
		return err
	}
	return o.store.Update(func(tx *store.Tx) error {
		counted, _, err := differs(tx)
		if err != nil {
			return err
		}
		return publications.Put(tx, publicationKey, counted)
	})
}
