package listener

// SetPlaces gives strangers other numbers of places, so that few are enough to take them all. It is for [testing.M]
// only.
func SetPlaces(silent, inHandshake int) { placesIn[arriving], placesIn[greeting] = silent, inHandshake }
