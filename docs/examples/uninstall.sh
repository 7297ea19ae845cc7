#!/bin/sh
# Jamf policy: remove usher from this Mac without a trace (docs/uninstall.md). Its profile goes by its scope in Jamf Pro.
#
# $4  "keep" leaves state, configuration, credentials and logs for a later installation
usherctl=/usr/local/usher/usherctl
[ -x "$usherctl" ] || { echo "usher is not installed"; exit 0; }
if [ "${4:-}" = keep ]; then
  exec "$usherctl" uninstall
fi
exec "$usherctl" uninstall --purge
