package wpj

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"usher.internal/internal/ber"
)

var errNotATime = errors.New("not a time")

func (s *standard) readValidity(body *cursor) error {
	validity, err := body.sequence()
	if err != nil {
		return fmt.Errorf("validity: %w", err)
	}
	for _, end := range []struct {
		name string
		time *time.Time
	}{{"notBefore", &s.notBefore}, {"notAfter", &s.notAfter}} {
		element, err := validity.next()
		if err == nil {
			*end.time, err = readTime(element)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", end.name, err)
		}
	}
	return validity.end("validity")
}

// readTime reads a UTCTime or a GeneralizedTime, in the forms that OpenSSL reads outside of its strict mode [OPENSSL].
// These may lack seconds, have fractions of a second, or have an offset in place of Z.
func readTime(element ber.Element) (time.Time, error) {
	content, err := element.Bytes()
	if err != nil {
		return time.Time{}, err
	}
	var year int
	digits := digitReader{rest: string(content)}
	switch {
	case element.Is(asn1.ClassUniversal, asn1.TagUTCTime):
		if year = digits.two(0, 99) + 1900; year < 1950 { // RFC 5280, 4.1.2.5.1
			year += 100
		}
	case element.Is(asn1.ClassUniversal, asn1.TagGeneralizedTime):
		year = 100*digits.two(0, 99) + digits.two(0, 99)
	default:
		return time.Time{}, errOtherType
	}
	month, day := digits.two(1, 12), digits.two(1, 31)
	hour, minute, second := digits.two(0, 23), digits.two(0, 59), 0
	if !digits.at("Z+-") {
		second = digits.two(0, 59)
	}
	if element.Tag == asn1.TagGeneralizedTime && digits.skip(".") {
		digits.one()
		for digits.at("0123456789") {
			digits.one()
		}
	}
	offset := 0
	if !digits.skip("Z") {
		sign := 1
		if digits.skip("-") {
			sign = -1
		} else if !digits.skip("+") {
			return time.Time{}, errNotATime
		}
		offset = sign * (digits.two(0, 12)*60 + digits.two(0, 59))
	}
	read := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if digits.failed || digits.rest != "" || read.Day() != day { // 30 February would be a day in March
		return time.Time{}, errNotATime
	}
	// A time must fit into JSON and protocol buffers, which have the years 1 to 9999.
	read = read.Add(-time.Duration(offset) * time.Minute)
	if read.Year() < 1 || read.Year() > 9999 {
		return time.Time{}, errNotATime
	}
	return read, nil
}

// digitReader reads numbers from the beginning of a text. After a failure it returns zeros.
type digitReader struct {
	rest   string
	failed bool
}

func (r *digitReader) at(any string) bool {
	for i := range len(any) {
		if len(r.rest) > 0 && r.rest[0] == any[i] {
			return true
		}
	}
	return false
}

func (r *digitReader) skip(letter string) bool {
	there := r.at(letter)
	if there {
		r.rest = r.rest[1:]
	}
	return there
}

func (r *digitReader) one() int {
	if r.failed = r.failed || !r.at("0123456789"); r.failed {
		return 0
	}
	digit := int(r.rest[0] - '0')
	r.rest = r.rest[1:]
	return digit
}

// two reads a number of two digits.
func (r *digitReader) two(lowest, highest int) int {
	number := 10*r.one() + r.one()
	r.failed = r.failed || number < lowest || number > highest
	return number
}
