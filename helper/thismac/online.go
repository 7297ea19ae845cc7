package thismac

import "net"

// Online reports whether this Mac has a network: an interface that is up has an address that others can reach. doctor
// checks whether Microsoft can be reached.
func Online() bool {
	interfaces, err := net.Interfaces()
	if err != nil {
		return false
	}
	for _, one := range interfaces {
		if one.Flags&net.FlagUp == 0 || one.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, err := one.Addrs()
		if err != nil {
			continue
		}
		for _, address := range addresses {
			if prefix, ok := address.(*net.IPNet); ok && prefix.IP.IsGlobalUnicast() {
				return true
			}
		}
	}
	return false
}
