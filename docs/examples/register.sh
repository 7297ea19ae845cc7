#!/bin/sh
# Jamf policy: register the user at this Mac with Microsoft Entra, and tell Jamf Pro how it went (docs/deploy.md).
#
# $3  the user whom Jamf names. Where it names nobody, or no person's account, the user on the console is registered
# $4  how long the policy waits, for example 35m. The other policies of its trigger wait as long; usherd continues after that. Default: 2m
# $5  where usherctl is, if not where it is installed
user=${3:-}
wait=${4:-2m}
usherctl=${5:-/usr/local/usher/usherctl}

# root, _mbsetupuser and other accounts of macOS have uids below 500; loginwindow is no account.
uid=$(/usr/bin/id -u -- "$user" 2>/dev/null)
[ "${uid:-0}" -ge 500 ] || user=

if [ ! -x "$usherctl" ]; then
  echo "usher is not installed: there is no $usherctl" >&2
  exit 3
fi
"$usherctl" register --user "$user" --wait --timeout "$wait"
code=$?
case $code in
0 | 10) exit 0 ;; # registered; with 10 usherd brings it to Jamf Pro as soon as that can be reached
6)
  echo "the registration continues without this policy; usherd reports its end to Jamf Pro"
  exit 0
  ;;
5 | 64) exit 0 ;; # nobody there, or the user did not want to: the next trigger tries again
*) exit "$code" ;; # failed, with the reason above, in the policy's log; `usherctl explain CODE` says more
esac
