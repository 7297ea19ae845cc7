package onehome_test

import (
	"go/constant"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	usherv1 "usher.internal/proto/usher/v1"
)

// onTheWire are the enumerations that are sent by their names, with the contract's enumerations.
var onTheWire = map[string]protoreflect.EnumDescriptor{
	"helper/registration.State":         usherv1.RegistrationState(0).Descriptor(),
	"helper/registration.FailureReason": usherv1.FailureReason(0).Descriptor(),
	"helper/registration.Kind":          usherv1.RegistrationKind(0).Descriptor(),
	"internal/wpj.MilestoneKind":        usherv1.MilestoneKind(0).Descriptor(),
	"helper/delivery.State":             usherv1.DeliveryState(0).Descriptor(),
	"helper/clean.Kind":                 usherv1.LeftoverKind(0).Descriptor(),
	"useragent/leftovers.Kind":          usherv1.LeftoverKind(0).Descriptor(),
	"helper/doctor.Result":              usherv1.CheckResult(0).Descriptor(),
}

func TestEveryConstantIsOnTheWire(t *testing.T) {
	known := enumerations(load(t))
	for name, contract := range onTheWire {
		prefix := string(contract.Values().Get(0).Name()[:len(contract.Values().Get(0).Name())-len("UNSPECIFIED")])
		ours := map[string]bool{}
		for name, value := range known[repository+name] {
			said := constant.StringVal(value)
			ours[prefix+said] = true
			if contract.Values().ByName(protoreflect.Name(prefix+said)) == nil {
				t.Errorf("%s has no value for %s, which is %q", contract.FullName(), name, said)
			}
		}
		for i := range contract.Values().Len() {
			if value := contract.Values().Get(i); value.Number() != 0 && !ours[string(value.Name())] {
				t.Errorf("%s has no constant for %s", name, value.Name())
			}
		}
	}
}
