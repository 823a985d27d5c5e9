// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package half
