#!/bin/sh
# Jamf policy: register the user at this Mac with Microsoft Entra, and tell Jamf Pro how it went (docs/deploy.md).
#
# $3  the user who is logged in; Jamf gives it to every script. With the triggers Startup and Recurring check-in there may be none
# $4  how long the policy waits, for example 20m; the registration goes on after that. Default: 35m, more than the user has to sign in
# $5  where usherctl is, if not where it is installed
wait=${4:-35m}
usherctl=${5:-/usr/local/usher/usherctl}

case ${3:-} in
'' | root | loginwindow | _mbsetupuser)
  echo "nobody is logged in: there is nobody to register, and the next trigger tries again"
  exit 0
  ;;
esac
if [ ! -x "$usherctl" ]; then
  echo "usher is not installed: there is no $usherctl" >&2
  exit 3
fi
"$usherctl" register --user "$3" --wait --timeout "$wait"
code=$?
case $code in
0 | 10) exit 0 ;;     # registered; with 10 usherd brings it to Jamf Pro as soon as that can be reached
5 | 6 | 64) exit 0 ;; # nobody there, or the user did not want to: the next trigger tries again
*) exit "$code" ;;    # failed, with the reason above, in the policy's log; `usherctl explain CODE` says more
esac
