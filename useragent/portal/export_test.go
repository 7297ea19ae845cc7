package portal

import "context"

// AfterExit calls f and waits until the process, which need not be a child, has ended.
func AfterExit(ctx context.Context, pid int, f func()) error {
	watch, err := watchExit(pid)
	if err != nil {
		return err
	}
	defer watch.close()
	f()
	return watch.wait(ctx)
}
