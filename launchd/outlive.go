package launchd

import "usher.internal/internal/layout"

// Inside tells whether this process was started by one of usher's own services, as a policy is that `jamf recon` runs:
// stopping the service may stop this process, and what the service may not do, this process may not do either.
// [Outlive] is the way out.
func Inside(layout layout.Layout) bool { return inside(layout) }
