//! The table and its items.

use crate::answer::{failed, Refusal};
use aws_sdk_dynamodb::{types::AttributeValue, Client};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub const TABLE: &str = "Items";

/// The attributes that the handlers use.
#[derive(Serialize)]
pub struct Item {
    #[serde(skip)]
    pub owner: String,
    pub data: String,
    #[serde(skip)]
    pub version: String,
}

#[derive(Deserialize)]
pub struct Edit {
    pub data: String,
}

#[derive(Deserialize)]
pub struct Transfer {
    pub to: String,
}

pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub fn number(value: &str) -> AttributeValue {
    AttributeValue::N(value.to_owned())
}

/// The caller's item; refuses if there is none or if another user owns it.
pub async fn read_own(client: &Client, id: &str, caller: &str) -> Result<Item, Refusal> {
    let found = client
        .get_item()
        .table_name(TABLE)
        .key("item_id", text(id))
        .consistent_read(true)
        .send()
        .await
        .map_err(failed)?;
    let item = read(&found.item.ok_or(Refusal::NotFound)?)?;
    if item.owner == caller {
        Ok(item)
    } else {
        Err(Refusal::NotYours)
    }
}

fn read(stored: &HashMap<String, AttributeValue>) -> Result<Item, Refusal> {
    let attribute = |name: &str| {
        let value = stored.get(name).and_then(|value| value.as_s().or_else(|_| value.as_n()).ok());
        value.cloned().ok_or_else(|| Refusal::Failed(format!("an item without {name}: {stored:?}")))
    };
    Ok(Item { owner: attribute("owner")?, data: attribute("data")?, version: attribute("version")? })
}
