package proxy

// platformSettings: Linux has no proxy settings of the system's.
var platformSettings func() (System, error)
