"""Everything a person looks at: heat maps, tables, reports, pages."""
