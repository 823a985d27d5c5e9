// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"yett/admin"
	"yett/internal/cli/term"
	"yett/practice/encrypt"
)

func (a *app) encryptCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "encrypt", Short: "the keys that seal what yett keeps"}
	cmd.AddCommand(a.encryptStatusCommand(), a.encryptRotateCommand())
	return cmd
}

func (a *app) encryptStatusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "the classes of secrets, their keys and how old they are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				var s encrypt.Status
				if err := c.Call(cmd.Context(), "GET", "/encrypt", nil, &s); err != nil {
					return err
				}
				if a.json {
					return a.printJSON(s)
				}
				a.printSealing(s)
				return nil
			})
		}}
}

func (a *app) printSealing(s encrypt.Status) {
	older := 0
	stays := false
	t := &term.Table{Heads: []string{"CLASS", "CIPHER", "KEY", "AGE", "KEYS", "OLDER VALUES"}, Right: []bool{4: true, 5: true}}
	for _, c := range s.Classes {
		left := strconv.Itoa(c.Older)
		if !c.Writes {
			left = "–" // they stay under the key that sealed them
		}
		age := c.KeyAge
		if c.Stays {
			age += ", stays"
			stays = true
		}
		older += c.Older
		t.Rows = append(t.Rows, []string{c.Name, c.Cipher, c.KeyID, age, strconv.Itoa(c.Keys), left})
	}
	a.out.Println("\n" + a.out.Bold(fmt.Sprintf("%s of secrets, each sealed by keys of its own.", amount(len(s.Classes), "class", "classes"))) + "\n")
	a.out.Print(t)
	a.out.Printf("\n  Key-encryption key  %s, in %s\n\n", s.KEK.ID, s.KEK.Place)
	if s.KEK.Beside {
		a.out.Println(a.out.Soon(a.out.Symbol("▲")) + " It lies beside the data: whoever takes the directory can open it. Keep it elsewhere and name it as encrypt.kek.")
	}
	if stays {
		a.out.Println("A key that stays is not replaced by a rotation: equal values must stay equal, so that they can be searched for.")
	}
	if older > 0 {
		a.out.Printf("%s under older keys; they are sealed anew while the gateway runs.\n", amount(older, "value is", "values are"))
	}
}

func amount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return term.Count(int64(n)) + " " + many
}

func (a *app) printRotation(r encrypt.Rotation) {
	n, replaced := 0, 0
	var stay []string
	for _, c := range r.Classes {
		n += c.Sealed
		if c.Stays {
			stay = append(stay, c.Name)
		} else {
			replaced++
		}
	}
	if replaced > 0 {
		a.out.Println(a.out.Bold(fmt.Sprintf("%s new keys; %s sealed anew.", amount(replaced, "class has", "classes have"), amount(n, "value was", "values were"))))
		a.out.Println("Old keys are removed in two minutes, when no value needs them: yett encrypt status")
	}
	if len(stay) > 0 {
		a.out.Printf("%s, wrapped anew: equal values must stay equal, so that they can be searched for (%s).\n",
			amount(len(stay), "class keeps its key", "classes keep their keys"), strings.Join(stay, ", "))
	}
}

func (a *app) encryptRotateCommand() *cobra.Command {
	var class string
	var kek bool
	cmd := &cobra.Command{Use: "rotate", Short: "new keys; every value is sealed anew while traffic goes on", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if kek && class != "" {
				return usage("yett encrypt rotate --kek", "--kek changes the key-encryption key, --class the keys of one class")
			}
			return a.withAdmin(cmd.Context(), func(c *admin.Client) error {
				var r encrypt.Rotation
				if err := c.Call(cmd.Context(), "POST", "/encrypt/rotate", map[string]any{"class": class, "kek": kek}, &r); err != nil {
					return err
				}
				if a.json {
					return a.printJSON(r)
				}
				if kek {
					a.out.Println(a.out.Bold("The key-encryption key is new: " + r.KEK + "."))
					a.out.Println("Backups of the data from before open with the old one alone.")
					a.out.Println("If somebody else may know the old one, replace the keys that it wrapped too: yett encrypt rotate")
					if r.Residue != "" {
						a.out.Println(a.out.Soon(a.out.Symbol("▲")) + " Those keys, wrapped by the old one, may still lie on the disk: " + r.Residue)
					}
					return nil
				}
				a.printRotation(r)
				return nil
			})
		}}
	cmd.Flags().StringVar(&class, "class", "", "one class alone")
	cmd.Flags().BoolVar(&kek, "kek", false, "the key-encryption key instead, where it lies beside the data")
	return cmd
}
