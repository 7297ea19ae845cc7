package endpoint

import "testing"

// Bytes from a stranger cause no panic, and nothing is returned that is not in them.
func FuzzFirstCertificate(f *testing.F) {
	f.Add([]byte{22, 3, 3, 0, 14, 11, 0, 0, 10, 0, 0, 7, 0, 0, 4, 1, 2, 3, 4})
	f.Add([]byte{22, 3, 3, 0, 5, 2, 0, 0, 1, 9, 22, 3, 3, 0, 4, 11, 0, 0, 9})
	f.Add([]byte{22, 3, 3, 255, 255, 11, 255, 255, 255})
	f.Fuzz(func(t *testing.T, records []byte) {
		if found := firstCertificate(records); len(found) > len(records) {
			t.Errorf("%d bytes of %d", len(found), len(records))
		}
	})
}

func TestFirstCertificate(t *testing.T) {
	message := []byte{2, 0, 0, 1, 9, 11, 0, 0, 10, 0, 0, 7, 0, 0, 4, 1, 2, 3, 4}
	for cut := range message { // however the message is split into records
		records := append([]byte{22, 3, 3, 0, byte(cut)}, message[:cut]...)
		records = append(append(records, 22, 3, 3, 0, byte(len(message)-cut)), message[cut:]...)
		if found := firstCertificate(records); string(found) != "\x01\x02\x03\x04" {
			t.Errorf("cut at %d: %v", cut, found)
		}
		if found := firstCertificate(records[:len(records)-1]); found != nil {
			t.Errorf("cut at %d, without its end: %v", cut, found)
		}
	}
}
