package diag_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/schematest"
)

var update = flag.Bool("update", false, "write docs/events.schema.json anew")

const eventsSchema = "../docs/events.schema.json"

// The schema of the stream is made of the types of its events: their fields, their names, what is said of them.
func TestEventsSchema(t *testing.T) {
	want := schemaOfEvents(t)
	if *update {
		if err := os.WriteFile(eventsSchema, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(eventsSchema); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the events are (%v): go test -run TestEventsSchema ./diag -update", eventsSchema, err)
	}
}

// Whatever may be observed keeps to it, of every kind; what is no event does not.
func TestEventsKeepToTheirSchema(t *testing.T) {
	s := schematest.Load(t, eventsSchema)
	seen := map[string]bool{}
	check := func(body diag.Body) {
		line, err := json.Marshal(diag.Event{Seq: 1, At: diagtest.Start, Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(line); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		seen[body.Kind()] = true
	}
	for _, kind := range diag.Kinds() {
		check(zeroOf(t, kind))
	}
	for _, c := range diagtest.CauseTests {
		for _, e := range c.World().State().Events() {
			check(e.Body)
		}
	}
	for seed := range uint64(200) {
		for _, e := range (diagtest.Chance{Rand: rand.New(rand.NewPCG(seed, 1))}).World().State().Events() {
			check(e.Body)
		}
	}
	for _, kind := range diag.Kinds() {
		if !seen[kind] {
			t.Errorf("no %s was looked at", kind)
		}
	}
	for name, line := range map[string]string{
		"no number":          `{"at":"2026-11-22T12:00:00Z","kind":"tick","body":{}}`,
		"an unknown kind":    `{"seq":1,"at":"2026-11-22T12:00:00Z","kind":"nonsense","body":{}}`,
		"another's body":     `{"seq":1,"at":"2026-11-22T12:00:00Z","kind":"sysctl","body":{"interface":"eth0"}}`,
		"an unknown state":   `{"seq":1,"at":"2026-11-22T12:00:00Z","kind":"feed","body":{"name":"frames","state":"well"}}`,
		"no address":         `{"seq":1,"at":"2026-11-22T12:00:00Z","kind":"selection","body":{"dst":"nonsense"}}`,
		"a time without UTC": `{"seq":1,"at":"2026-11-22 12:00","kind":"tick","body":{}}`,
	} {
		if s.Check([]byte(line)) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// zeroOf returns an empty body of a kind.
func zeroOf(t *testing.T, kind string) diag.Body {
	t.Helper()
	var e diag.Event
	if err := json.Unmarshal(fmt.Appendf(nil, `{"seq":1,"at":"2026-11-22T12:00:00Z","kind":%q,"body":{}}`, kind), &e); err != nil {
		t.Fatal(err)
	}
	return e.Body
}

// schemaOfEvents makes the schema.
func schemaOfEvents(t *testing.T) []byte {
	t.Helper()
	b := schemaMaker{said: map[string]string{}, values: map[string][]any{}, defs: map[string]any{}}
	b.read(t)
	b.defs["header"] = map[string]any{
		"description": "The first line of a recording.",
		"type":        "object", "additionalProperties": false, "required": []any{"schema", "version", "started"},
		"properties": map[string]any{
			"schema": map[string]any{"const": "ndwhy.events/1"}, "version": map[string]any{"type": "string"},
			"started": map[string]any{"$ref": "#/$defs/time"},
		},
	}
	var kinds []any
	for _, kind := range diag.Kinds() {
		kinds = append(kinds, map[string]any{
			"properties": map[string]any{"kind": map[string]any{"const": kind}, "body": b.of(reflect.TypeOf(zeroOf(t, kind)), false)},
		})
	}
	root := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$id":     "https://ndwhy.invalid/events.schema.json",
		"title":   "ndwhy.events/1",
		"description": "One line of `ndwhy watch --json`, and of a recording after its first, which is a header. Addresses are RFC 5952 strings; an empty one is none. " +
			"Lifetimes are seconds, -1 for ever. Fields are only added.",
		"type": "object", "additionalProperties": false, "required": []any{"seq", "at", "kind", "body"},
		"properties": map[string]any{
			"seq":  map[string]any{"type": "integer", "minimum": 1, "description": "Numbers the events of a stream from 1 without gaps."},
			"at":   map[string]any{"$ref": "#/$defs/time"},
			"kind": map[string]any{"type": "string"},
			"body": map[string]any{"type": "object"},
		},
		"oneOf": kinds,
		"$defs": b.defs,
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A schemaMaker writes Go types as a schema.
type schemaMaker struct {
	said   map[string]string // what comments say of types, and of fields as Type.Field
	values map[string][]any  // the constants of a type
	defs   map[string]any
}

// read takes comments and constants from the sources of the package.
func (b *schemaMaker) read(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					b.said[spec.Name.Name] = text(decl.Doc)
					if st, ok := spec.Type.(*ast.StructType); ok {
						b.fields(spec.Name.Name, st)
					}
				case *ast.ValueSpec:
					b.constant(spec)
				}
			}
		}
	}
}

func (b *schemaMaker) fields(name string, st *ast.StructType) {
	for _, f := range st.Fields.List {
		said := text(f.Doc)
		if said == "" {
			said = text(f.Comment)
		}
		for _, n := range f.Names {
			b.said[name+"."+n.Name] = said
		}
	}
}

func (b *schemaMaker) constant(spec *ast.ValueSpec) {
	typ, ok := spec.Type.(*ast.Ident)
	if !ok || len(spec.Values) != 1 {
		return
	}
	if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
		value, _ := strconv.Unquote(lit.Value)
		b.values[typ.Name] = append(b.values[typ.Name], value)
	}
}

func text(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// basics are the types that are written as text, by their patterns.
var basics = map[reflect.Type][2]string{
	reflect.TypeFor[netip.Addr]():     {"address", `^([0-9a-f:.]+(%.+)?)?$`},
	reflect.TypeFor[netip.Prefix]():   {"prefix", `^([0-9a-f:.]+/[0-9]+)?$`},
	reflect.TypeFor[netip.AddrPort](): {"socket", `^(\[[0-9a-f:.]+(%.+)?\]:[0-9]+|[0-9.]+:[0-9]+)?$`},
	reflect.TypeFor[time.Time]():      {"time", `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$`},
	reflect.TypeFor[diag.MAC]():       {"mac", `^([0-9a-f]{2}(:[0-9a-f]{2}){5})?$`},
}

// of returns the schema of a type; one that may be left out is never null.
func (b *schemaMaker) of(t reflect.Type, optional bool) map[string]any {
	if basic, ok := basics[t]; ok {
		b.defs[basic[0]] = map[string]any{"type": "string", "pattern": basic[1]}
		return map[string]any{"$ref": "#/$defs/" + basic[0]}
	}
	orNull := func(typ string) any {
		if optional {
			return typ
		}
		return []any{typ, "null"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		if t.Elem() == reflect.TypeFor[diag.Event]() { // of another host's stream
			return map[string]any{"$ref": "#"}
		}
		return b.of(t.Elem(), true)
	case reflect.Struct:
		if _, done := b.defs[t.Name()]; !done {
			b.defs[t.Name()] = nil // while it is made
			b.defs[t.Name()] = b.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return map[string]any{"type": orNull("string"), "pattern": `^[A-Za-z0-9+/]*=*$`, "description": "base64"}
		}
		return map[string]any{"type": orNull("array"), "items": b.of(t.Elem(), true)}
	case reflect.String:
		if values := b.values[t.Name()]; len(values) > 0 && t.PkgPath() != "" {
			if !slices.Contains(values, any("")) {
				values = append(slices.Clone(values), "")
			}
			b.defs[t.Name()] = map[string]any{"enum": values, "description": b.said[t.Name()] + " Empty: none."}
			return map[string]any{"$ref": "#/$defs/" + t.Name()}
		}
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Uint32:
		if t == reflect.TypeFor[diag.AddrFlags]() {
			return map[string]any{"type": orNull("array"), "items": map[string]any{"type": "string"}}
		}
		return map[string]any{"type": "integer"}
	default:
		return map[string]any{"type": "integer"}
	}
}

func (b *schemaMaker) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []any{}
	for f := range t.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "-" || tag == "" {
			continue
		}
		optional := strings.Contains(options, "omit")
		if !optional {
			required = append(required, tag)
		}
		p := b.of(f.Type, optional)
		if said := b.said[t.Name()+"."+f.Name]; said != "" {
			p["description"] = said
		}
		properties[tag] = p
	}
	o := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	if said := b.said[t.Name()]; said != "" {
		o["description"] = said
	}
	return o
}
