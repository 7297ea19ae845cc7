package proxy

// platformSettings: Linux has no system-wide proxy settings.
var platformSettings func() (System, error)
