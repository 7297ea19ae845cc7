/* Flags: each table maps one bit of macOS to Linux. */
#include "loader.h"

unsigned long flags_to_linux(const struct flag *table, size_t length, unsigned long flags) {
	unsigned long translated = 0;
	for (size_t i = 0; i < length; i++)
		if ((flags & table[i].on_darwin) == table[i].on_darwin) translated |= table[i].on_linux;
	return translated;
}

unsigned long flags_to_darwin(const struct flag *table, size_t length, unsigned long flags) {
	unsigned long translated = 0;
	for (size_t i = 0; i < length; i++)
		if (table[i].on_linux != 0 && (flags & table[i].on_linux) == table[i].on_linux) translated |= table[i].on_darwin;
	return translated;
}
