import type { ReactNode } from "react";

export const metadata = { title: "日本語 → 手話タグ" };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="ja">
      <body>{children}</body>
    </html>
  );
}
