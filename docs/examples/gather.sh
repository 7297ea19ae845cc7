#!/bin/sh
# Jamf policy: read the identity that the user at this Mac has, and tell Jamf Pro (docs/deploy.md).
#
# $3  the user whom Jamf names. Where it names nobody, or no person's account, it is the user on the console
# $4  where usherctl is, if not where it is installed
# $5  how long the policy waits, for example 15m. The other policies of its trigger wait as long; usherd continues after that. Default: 2m
user=${3:-}
usherctl=${4:-/usr/local/usher/usherctl}
wait=${5:-2m}

# root, _mbsetupuser and other accounts of macOS have uids below 500; loginwindow is no account.
uid=$(/usr/bin/id -u -- "$user" 2>/dev/null)
[ "${uid:-0}" -ge 500 ] || user=

if [ ! -x "$usherctl" ]; then
  echo "usher is not installed: there is no $usherctl" >&2
  exit 3
fi
"$usherctl" gather --user "$user" --timeout "$wait"
code=$?
case $code in
10) exit 0 ;; # usherd brings it to Jamf Pro as soon as that can be reached
6)
  echo "the gathering continues without this policy; usherd reports its end to Jamf Pro"
  exit 0
  ;;
5) exit 0 ;; # nobody is logged in, or the user has logged out meanwhile
*) exit "$code" ;;
esac
