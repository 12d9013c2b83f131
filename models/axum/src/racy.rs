//! Racy: every handler reads the item, decides, and acts in a second call, which assumes that nothing has changed.

use crate::answer::{failed, Caller, Refusal};
use crate::store::{number, read_own, text, Edit, Item, Transfer, TABLE};
use aws_sdk_dynamodb::Client;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
    Json, Router,
};

pub fn routes() -> Router<Client> {
    Router::new()
        .route("/items/{id}", get(get_item).put(update_item).delete(delete_item))
        .route("/items/{id}/transfer", post(transfer))
}

pub async fn get_item(
    State(client): State<Client>, Path(id): Path<String>, Caller(caller): Caller,
) -> Result<Json<Item>, Refusal> {
    Ok(Json(read_own(&client, &id, &caller).await?))
}

async fn delete_item(
    State(client): State<Client>, Path(id): Path<String>, Caller(caller): Caller,
) -> Result<StatusCode, Refusal> {
    read_own(&client, &id, &caller).await?;
    client.delete_item().table_name(TABLE).key("item_id", text(&id)).send().await.map_err(failed)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn update_item(
    State(client): State<Client>, Path(id): Path<String>, Caller(caller): Caller, Json(edit): Json<Edit>,
) -> Result<StatusCode, Refusal> {
    read_own(&client, &id, &caller).await?;
    client
        .update_item()
        .table_name(TABLE)
        .key("item_id", text(&id))
        .update_expression("SET #data = :data, #version = #version + :one")
        .expression_attribute_names("#data", "data")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":data", text(&edit.data))
        .expression_attribute_values(":one", number("1"))
        .send()
        .await
        .map_err(failed)?;
    Ok(StatusCode::OK)
}

async fn transfer(
    State(client): State<Client>, Path(id): Path<String>, Caller(caller): Caller, Json(transfer): Json<Transfer>,
) -> Result<StatusCode, Refusal> {
    read_own(&client, &id, &caller).await?;
    client
        .update_item()
        .table_name(TABLE)
        .key("item_id", text(&id))
        .update_expression("SET #owner = :to, #version = #version + :one")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":to", text(&transfer.to))
        .expression_attribute_values(":one", number("1"))
        .send()
        .await
        .map_err(failed)?;
    Ok(StatusCode::OK)
}
