package doctor

import "context"

// signed is for macOS, which can verify code signatures.
func (p portal) signed(context.Context) (Finding, error) {
	return notApplicable("Code signatures are verified on macOS only."), nil
}
