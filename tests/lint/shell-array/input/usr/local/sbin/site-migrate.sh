#!/bin/sh
set -eu
migrate() {
  status=(0 1)
  export status
}
migrate 0
