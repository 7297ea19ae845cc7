package listener

// SetPlaces gives strangers other numbers of places, so that few strangers can take them all. Only [testing.M] calls
// it.
func SetPlaces(silent, inHandshake int) { placesIn[arriving], placesIn[greeting] = silent, inHandshake }
