package launchd

import "usher.internal/internal/layout"

// Inside reports whether one of usher's own services started this process, for example in a policy that `jamf recon`
// runs. Stopping the service may stop this process, and this process has the same restrictions as the service.
// [Outlive] is the way out.
func Inside(layout layout.Layout) bool { return inside(layout) }
