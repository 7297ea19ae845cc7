#!/bin/sh
# Jamf policy: read the identity that the user at this Mac has, and tell Jamf Pro (docs/deploy.md).
#
# $3  the user who is logged in; Jamf gives it to every script. With the triggers Startup and Recurring check-in there may be none
# $4  where usherctl is, if not where it is installed
usherctl=${4:-/usr/local/usher/usherctl}

case ${3:-} in
'' | root | loginwindow | _mbsetupuser)
  echo "nobody is logged in: there is nobody to read the identity of, and the next trigger tries again"
  exit 0
  ;;
esac
if [ ! -x "$usherctl" ]; then
  echo "usher is not installed: there is no $usherctl" >&2
  exit 3
fi
"$usherctl" gather --user "$3"
code=$?
case $code in
5) exit 0 ;; # the user has logged out meanwhile
*) exit "$code" ;;
esac
