package sound

/*
#include <stdlib.h>
*/
import "C"

import (
	"net"

	"example.test/keychain"
)

// Use is sound: net brings the standard library's own cgo with it.
func Use() (net.IP, error) { C.free(nil); return net.IPv4zero, keychain.Open() }
