package contract

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Enum is the one table that converts an enum both ways. A value that is not in it becomes the other side's zero value.
type Enum[Own ~string, Wire enum] struct {
	toWire map[Own]Wire
	toOwn  map[Wire]Own
}

// EnumOf returns the table of an enum whose values have the same names on both sides. Only the contract's names have a
// prefix: "EXPIRED" is IDENTITY_STATE_EXPIRED.
func EnumOf[Own ~string, Wire enum]() Enum[Own, Wire] {
	return named[Own, Wire](func(name string) string { return name })
}

// spokenEnum returns the table of an enum whose names are words here: "not there" is FINDING_NOT_THERE.
func spokenEnum[Own ~string, Wire enum]() Enum[Own, Wire] {
	return named[Own, Wire](func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", " ")) })
}

func named[Own ~string, Wire enum](own func(name string) string) Enum[Own, Wire] {
	var zero Wire
	values := zero.Descriptor().Values()
	toWire := make(map[Own]Wire)
	for i := range values.Len() {
		if one := Wire(values.Get(i).Number()); one != 0 {
			toWire[Own(own(Name(one)))] = one
		}
	}
	return enumOf(toWire)
}

// enumOf returns the table of an enum whose values have other words here.
func enumOf[Own ~string, Wire enum](toWire map[Own]Wire) Enum[Own, Wire] {
	toOwn := make(map[Wire]Own, len(toWire))
	for own, wire := range toWire {
		toOwn[wire] = own
	}
	return Enum[Own, Wire]{toWire, toOwn}
}

// ToProto returns the contract's value.
func (e Enum[Own, Wire]) ToProto(own Own) Wire { return e.toWire[own] }

// FromProto returns usher's own value.
func (e Enum[Own, Wire]) FromProto(wire Wire) Own { return e.toOwn[wire] }

// Value returns the enum value with that name, without the prefix of its type as in [Name]. It is for enums that are
// only sent. It returns UNSPECIFIED for an unknown name.
func Value[Wire enum, Own ~string](name Own) Wire {
	var zero Wire
	values := zero.Descriptor().Values()
	if one := values.ByName(protoreflect.Name(prefix(values) + string(name))); one != nil {
		return Wire(one.Number())
	}
	return zero
}
